//go:build !linux

package resident

type segment struct{}

func program() []segment { return nil }

func unmap([]segment) {}
