// Program deep leans on what a stripped pclntab has to keep, then panics.
package main

import "runtime"

type node struct {
	next *node
	size int
}

// grow has the collector walk, and the runtime copy, a stack full of pointers.
func grow(n int, list *node) int {
	here := &node{list, n}
	if n == 0 {
		runtime.GC()
		return 0
	}
	defer func() { here.size-- }()
	return grow(n-1, here) + here.next.size - list.size + 1
}

type tree[T any] struct{ value T }

func (t tree[T]) fail(at []T, i int) (err any) {
	defer func() { err = recover() }()
	at[i] = t.value
	return nil
}

func caller() string {
	var pcs [8]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	var names string
	for {
		f, more := frames.Next()
		names += f.Function + " "
		if !more {
			return names
		}
	}
}

func inner(m map[string]int) { m["x"] = 1 }

func outer() { inner(nil) }

func main() {
	done := make(chan int)
	for range 4 {
		go func() { done <- grow(5000, &node{size: 1}) }()
	}
	for range 4 {
		if n := <-done; n != 5000 {
			panic(n)
		}
	}
	println("recovered:", tree[int]{1}.fail(nil, 2).(error).Error())
	println("callers:", caller())
	outer()
}
