package sites

import "context"

// Trace watches the work that is done under a context, in the manner of
// net/http/httptrace: the control dialogues, and the bytes of data connections
// that end at the user's host. Its functions may be nil and may be called from
// several goroutines at once.
type Trace struct {
	// Command is called when a command has been written to the control
	// connection of session n of the site. A password is masked.
	Command func(site string, n int, line string)

	// Reply is called for each reply, preliminary or final, to a command that
	// was sent under the context.
	Reply func(site string, n int, code int, text string)

	// Data is called when bytes of a data connection were received from the
	// site at the user's host, or sent to it.
	Data func(site string, received, sent int64)
}

type traceKey struct{}

// WithTrace returns a context under which t watches, beside the traces that
// ctx has already.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	outer := TraceOf(ctx)
	return context.WithValue(ctx, traceKey{}, &Trace{
		Command: func(site string, n int, line string) {
			outer.SawCommand(site, n, line)
			t.SawCommand(site, n, line)
		},
		Reply: func(site string, n int, code int, text string) {
			outer.SawReply(site, n, code, text)
			t.SawReply(site, n, code, text)
		},
		Data: func(site string, received, sent int64) {
			outer.SawData(site, received, sent)
			t.SawData(site, received, sent)
		},
	})
}

// TraceOf returns the trace of ctx. A nil Trace is valid and watches nothing.
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}

// SawCommand calls t.Command if there is one.
func (t *Trace) SawCommand(site string, n int, line string) {
	if t != nil && t.Command != nil {
		t.Command(site, n, line)
	}
}

// SawReply calls t.Reply if there is one.
func (t *Trace) SawReply(site string, n int, code int, text string) {
	if t != nil && t.Reply != nil {
		t.Reply(site, n, code, text)
	}
}

// SawData calls t.Data if there is one.
func (t *Trace) SawData(site string, received, sent int64) {
	if t != nil && t.Data != nil {
		t.Data(site, received, sent)
	}
}
