//go:build !linux

package smd

import (
	"errors"
	"net"
	"os"
)

// Elsewhere the bus and the client work; the server does not.

func monotonic() int64 { return 0 }

func flock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func peerOf(*net.UnixConn) (peer, error) { return peer{}, errors.ErrUnsupported }

func peerGroups(*net.UnixConn) ([]uint32, error) { return nil, errors.ErrUnsupported }

func fileGroup(string) (uint32, error) { return 0, errors.ErrUnsupported }

func waitHangup(*net.UnixConn, func() bool) error { return errors.ErrUnsupported }
