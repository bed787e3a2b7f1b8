package main

import "testing"

func TestAdverts(t *testing.T) {
	var a adverts
	for _, step := range []struct {
		link  int
		uri   string
		fresh bool
	}{
		{3, "", false},
		{3, "https://a.example.net/", true},
		{3, "https://a.example.net/", false},
		{4, "https://b.example.net/", true},
		{3, "", true},
		{3, "", false},
		{3, "https://a.example.net/", true},
	} {
		if fresh := a.set(step.link, step.uri); fresh != step.fresh || a.of(step.link) != step.uri {
			t.Errorf("set(%d, %q) = %v, then %q, want %v", step.link, step.uri, fresh, a.of(step.link), step.fresh)
		}
	}
	if got := a.of(4); got != "https://b.example.net/" {
		t.Errorf("link 4 has %q", got)
	}
}
