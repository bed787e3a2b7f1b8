//go:build !linux

package main

import (
	"context"
	"errors"
)

func followAdverts(context.Context, func(ifindex int, uri string)) error {
	return errors.ErrUnsupported
}
