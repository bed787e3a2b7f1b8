package ubus

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// reply is the answer to an invocation of ours.
type reply struct {
	key
	objID   uint32
	fields  []byte // nil is a bare status
	status  Status
	noReply bool
}

// serve runs the method that m invokes, or answers why not.
func (s *session) serve(ctx context.Context, wg *sync.WaitGroup, k key, m *message) error {
	if !m.hasAttrs(attrObjID) {
		return nil // there is no answer without it
	}
	r := reply{key: k, objID: m.objID, noReply: m.noReply}
	method := s.Methods[m.method]
	args, err := Decode(m.data)
	switch {
	case s.objID == 0 || m.objID != s.objID:
		r.status = StatusNotFound
	case !m.hasAttrs(attrMethod):
		r.status = StatusInvalidArgument
	case method.Serve == nil:
		r.status = StatusMethodNotFound
	case !m.hasAttrs(attrData) || err != nil:
		r.status = StatusInvalidArgument
	case s.running == maxServed:
		r.status = StatusSystemError
	default:
		s.running++
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := r.run(ctx, method, args); err != nil {
				s.log.Debug("ubus method failed", "method", m.method, "err", err)
			}
			select {
			case s.served <- r:
			case <-ctx.Done():
			}
		}()
		return nil
	}
	return s.reply(r)
}

// run enters what the method answers. Its error is for the log.
func (r *reply) run(ctx context.Context, method Method, args json.RawMessage) error {
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	result, err := method.Serve(ctx, args)
	if err == nil && result != nil {
		if r.fields, err = Encode(result); err == nil && r.fields == nil {
			r.fields = []byte{} // {} is DATA, too
		}
	}
	if err != nil && !errors.As(err, &r.status) {
		r.status = StatusUnknownError
	}
	return err
}

// reply answers an invocation: DATA, if there is any, then STATUS.
func (s *session) reply(r reply) error {
	if r.noReply {
		return nil
	}
	if r.fields != nil {
		err := s.write(msgData, r.key, func(b []byte) []byte {
			return appendNestedAttr(appendUint32Attr(b, attrObjID, r.objID), attrData, r.fields)
		})
		if err != nil {
			return err
		}
	}
	return s.write(msgStatus, r.key, func(b []byte) []byte {
		return appendUint32Attr(appendUint32Attr(b, attrStatus, uint32(r.status)), attrObjID, r.objID)
	})
}
