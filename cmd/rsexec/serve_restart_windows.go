package main

import "context"

// watch does nothing: this system has no such signal.
func (r *restart) watch(context.Context) (stop func()) { return func() {} }
