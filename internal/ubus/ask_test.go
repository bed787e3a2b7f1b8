package ubus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"
)

func TestAsk(t *testing.T) {
	bus := newBus(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	type outcome struct {
		answer json.RawMessage
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := Ask(ctx, bus.path, "network.interface", "dump", nil)
		done <- outcome{answer, err}
	}()
	p := bus.accept()
	p.lookedUp("network.interface", 5000)
	m, _ := p.receive(msgInvoke)
	p.send(msgData, m.seq, m.peer, u32(attrObjID, 5000), table(`{"interface":[]}`))
	p.send(msgStatus, m.seq, m.peer, u32(attrStatus, 0), u32(attrObjID, 5000))
	if got := <-done; got.err != nil || string(got.answer) != `{"interface":[]}` {
		t.Errorf("Ask = %s, %v", got.answer, got.err)
	}
	p.SetReadDeadline(time.Now().Add(patience))
	if n, err := p.r.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the connection is still there: read %d, %v", n, err)
	}
}

func TestAskNobody(t *testing.T) {
	dead := newBus(t)
	dead.l.SetUnlinkOnClose(false)
	dead.l.Close()
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), dead.path} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if _, err := Ask(ctx, path, "network.interface", "dump", nil); !errors.Is(err, ErrNotConnected) {
			t.Errorf("Ask %s: %v, want %v", path, err, ErrNotConnected)
		}
		cancel()
	}
}
