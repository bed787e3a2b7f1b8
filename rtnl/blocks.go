package rtnl

// blocks hands out values from blocks, each of which is one allocation. The zero
// value is ready to use. For one goroutine.
type blocks[T any] struct {
	all  []T // the newest block
	free []T // what of it has not been handed out
	size int // of the next one; 0 means blockLen
}

const (
	// blockLen is how many values a block holds that is not used again. A larger
	// one is kept whole by a single event that lives on.
	blockLen = 32

	// maxBlockLen bounds the others: a datagram of a dump holds some 600 routes.
	maxBlockLen = 1024
)

// next is the next n values, which take hands out.
func (b *blocks[T]) next(n int) []T {
	if n > len(b.free) {
		b.all = make([]T, max(n, b.size, blockLen))
		b.free = b.all
	}
	return b.free[:n:n]
}

// take hands out the next n values.
func (b *blocks[T]) take(n int) []T {
	list := b.next(n)
	b.free = b.free[n:]
	return list
}

// rewind has the values of the newest block handed out anew, and the blocks grow
// until one is enough.
func (b *blocks[T]) rewind() {
	b.free = b.all
	b.size = min(2*len(b.all), maxBlockLen)
}
