package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const in = `{"Action":"build-output","ImportPath":"x/broken","Output":"broken.go:1: no\n"}
{"Action":"output","Package":"x/broken","Output":"FAIL\tx/broken [build failed]\n"}
{"Action":"fail","Package":"x/broken","Elapsed":0}
{"Action":"output","Package":"x/a","Test":"TestGood","Output":"chatter\n"}
{"Action":"pass","Package":"x/a","Test":"TestGood/sub","Elapsed":9}
{"Action":"pass","Package":"x/a","Test":"TestGood","Elapsed":1.5}
{"Action":"output","Package":"x/a","Test":"TestBad","Output":"    want 1\n"}
{"Action":"fail","Package":"x/a","Test":"TestBad","Elapsed":0.25}
{"Action":"skip","Package":"x/a","Test":"TestNot","Elapsed":0}
{"Action":"output","Package":"x/a","Output":"FAIL\n"}
{"Action":"output","Package":"x/a","Output":"FAIL\tx/a\t2.0s\n"}
{"Action":"fail","Package":"x/a","Elapsed":2}
{"Action":"output","Package":"x/b","Output":"PASS\n"}
{"Action":"output","Package":"x/b","Output":"ok  \tx/b\t3.0s\n"}
{"Action":"pass","Package":"x/b","Elapsed":3}
not JSON
`
	const want = "broken.go:1: no\n" +
		"FAIL\tx/broken [build failed]\n" +
		"    want 1\n" +
		"FAIL\nFAIL\tx/a\t2.0s\n" +
		"ok  \tx/b\t3.0s\n" +
		"not JSON\n" +
		"\nslowest packages:\n   3.00 s  x/b\n   2.00 s  x/a\n   0.00 s  x/broken\n" +
		"\nslowest tests:\n   1.50 s  TestGood in x/a\n   0.25 s  TestBad in x/a\n   0.00 s  TestNot in x/a\n" +
		"\n2 passed, 1 failed, 1 skipped\n"
	var s summary
	var out strings.Builder
	s.read(strings.NewReader(in), &out)
	s.print(&out)
	if out.String() != want {
		t.Errorf("report =\n%s\nwant\n%s", out.String(), want)
	}
}

func TestRunFailsWithoutTests(t *testing.T) {
	for _, args := range [][]string{nil, {"true"}, {"false"}} {
		var out strings.Builder
		if err := run(args, &out); err == nil {
			t.Errorf("run(%q) = nil, want an error", args)
		}
	}
}
