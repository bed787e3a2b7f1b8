package ubus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/netmond/netmond/internal/log"
)

// A session is one connection. One goroutine, run's, owns it and does all the
// writing; a second one reads, and each invocation that is served has its own.
type session struct {
	*Client
	log       log.Logger
	conn      net.Conn
	signature []byte // payload of attrSignature

	seq     uint16           // last used; all events have 0
	pending map[key]*request // what ubusd or an object has yet to answer

	objID   uint32      // ubusd's number for our object; 0 while it is not published
	offer   *time.Timer // when to offer a refused object again, else nil
	wait    time.Duration
	refused Status // last answer to an event: a change of it is logged

	running int        // methods of ours that run
	served  chan reply // their answers
}

// key is what an answer is known by.
type key struct {
	seq  uint16
	peer uint32
}

// A request waits for its STATUS, which ends it.
type request struct {
	call *call                // the Call that it is for; nil for the object
	data func(*message)       // takes a DATA before that
	done func(s Status) error // an error is one of the connection
}

// run returns why the connection was lost. When it does, no goroutine of it runs.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	messages := make(chan *message)
	var wg sync.WaitGroup
	var lost error // the reader's; read once messages is closed
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(messages)
		lost = s.read(ctx, messages)
	}()
	defer func() {
		cancel()
		s.conn.Close()
		s.abandon()
		wg.Wait()
	}()

	if err := s.offerObject(); err != nil {
		return err
	}
	for {
		var offer <-chan time.Time
		if s.offer != nil {
			offer = s.offer.C
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-messages:
			if !ok {
				return lost
			}
			err = s.receive(ctx, &wg, m)
		case fields := <-s.events:
			if err = s.invoke(key{0, eventObject}, "send", fields); err != nil {
				s.lost.Add(1)
			}
		case q := <-s.calls:
			err = s.call(q)
		case r := <-s.served:
			s.running--
			err = s.reply(r)
		case <-offer:
			s.offer = nil
			err = s.offerObject()
		}
		if err != nil {
			return err
		}
	}
}

// read passes on what comes until the connection ends.
func (s *session) read(ctx context.Context, messages chan<- *message) error {
	r := bufio.NewReader(s.conn)
	for {
		m, err := readMessage(r)
		if err != nil {
			return err
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// abandon answers the calls that this connection will not.
func (s *session) abandon() {
	for _, r := range s.pending {
		if r.call != nil {
			r.call.answer <- answer{err: ErrNotConnected}
		}
	}
	if s.offer != nil {
		s.offer.Stop()
	}
}

// receive acts on one message. Its error is one of the connection.
func (s *session) receive(ctx context.Context, wg *sync.WaitGroup, m *message) error {
	k := key{m.seq, m.peer}
	switch m.typ {
	case msgInvoke:
		return s.serve(ctx, wg, k, m)
	case msgData:
		if r := s.pending[k]; r != nil {
			r.data(m)
		}
	case msgStatus:
		if k == (key{0, eventObject}) {
			s.eventAnswered(m.status)
		} else if r := s.pending[k]; r != nil && m.hasAttrs(attrStatus) {
			delete(s.pending, k)
			return r.done(m.status)
		}
	}
	return nil
}

func (s *session) eventAnswered(status Status) {
	if status != StatusOK && status != s.refused {
		s.log.Warn("ubus events refused", "err", status)
	}
	s.refused = status
}

// offerObject asks ubusd to publish our object, if there is one, and again and again
// where it refuses: the ACL of a user may be loaded later.
func (s *session) offerObject() error {
	if s.Object == "" {
		return nil
	}
	k := s.nextKey(0)
	s.pending[k] = &request{
		data: func(m *message) { s.objID = m.objID },
		done: func(status Status) error {
			if s.objID != 0 {
				s.log.Info("ubus object published", "object", s.Object)
				s.wait = s.minWait
				return nil
			}
			if s.wait == s.minWait {
				s.log.Warn("ubus object refused: its name is taken, or its ACL not loaded (killall -HUP ubusd)",
					"object", s.Object, "err", status)
			}
			s.offer = time.NewTimer(s.wait)
			s.wait = min(2*s.wait, s.maxWait)
			return nil
		},
	}
	return s.write(msgAddObject, k, func(b []byte) []byte {
		return appendNestedAttr(appendStringAttr(b, attrObjPath, s.Object), attrSignature, s.signature)
	})
}

// call looks up the object of q, whose number changes whenever its owner restarts, and
// then invokes it.
func (s *session) call(q *call) error {
	for k, r := range s.pending {
		if r.call != nil && r.call.ctx.Err() != nil {
			delete(s.pending, k)
		}
	}
	if len(s.pending) > maxCalls {
		q.answer <- answer{err: errors.New("too many calls under way")}
		return nil
	}
	var objID uint32
	k := s.nextKey(0)
	s.pending[k] = &request{
		call: q,
		data: func(m *message) { objID = m.objID },
		done: func(status Status) error {
			switch {
			case status != StatusOK:
				q.answer <- answer{err: status}
			case objID == 0:
				// ubusd says OK where its ACL hides each method.
				q.answer <- answer{err: StatusNotFound}
			default:
				return s.invokeFor(q, objID)
			}
			return nil
		},
	}
	return s.write(msgLookup, k, func(b []byte) []byte { return appendStringAttr(b, attrObjPath, q.object) })
}

func (s *session) invokeFor(q *call, objID uint32) error {
	var a answer
	k := s.nextKey(objID)
	s.pending[k] = &request{
		call: q,
		data: func(m *message) { a.data, a.err = Decode(m.data) },
		done: func(status Status) error {
			if status != StatusOK {
				a = answer{err: status}
			}
			q.answer <- a
			return nil
		},
	}
	return s.invoke(k, q.method, q.args)
}

// nextKey returns a key that is not in use; fewer are than there are numbers.
func (s *session) nextKey(peer uint32) key {
	for {
		s.seq++
		k := key{s.seq, peer}
		if _, used := s.pending[k]; !used && s.seq != 0 {
			return k
		}
	}
}

// invoke sends an invocation of a method of the object k.peer.
func (s *session) invoke(k key, method string, fields []byte) error {
	return s.write(msgInvoke, k, func(b []byte) []byte {
		b = appendStringAttr(appendUint32Attr(b, attrObjID, k.peer), attrMethod, method)
		return appendNestedAttr(b, attrData, fields)
	})
}

// write sends a message of the attributes that fill appends.
func (s *session) write(t messageType, k key, fill func([]byte) []byte) error {
	s.conn.SetWriteDeadline(time.Now().Add(ioTimeout))
	if _, err := s.conn.Write(newMessage(t, k.seq, k.peer, fill)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}
