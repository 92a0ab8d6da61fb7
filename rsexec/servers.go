package rsexec

import (
	"context"
	"time"
)

// serverMemory keeps in the state file what servers did. It implements ftp.Memory.
type serverMemory struct{ file *stateFile }

// OfferedTLS reports whether a server has ever offered TLS.
func (m serverMemory) OfferedTLS(ctx context.Context, server string) (bool, error) {
	store, err := m.file.open()
	if err != nil {
		return false, err
	}
	return store.OfferedTLS(ctx, server)
}

// OffersTLS keeps that a server has offered TLS.
func (m serverMemory) OffersTLS(ctx context.Context, server string) error {
	store, err := m.file.open()
	if err != nil {
		return err
	}
	return store.OffersTLS(ctx, server)
}

// Doubted returns why and since when a server is not to be written ahead to.
func (m serverMemory) Doubted(ctx context.Context, server string) (why string, since time.Time, err error) {
	store, err := m.file.open()
	if err != nil {
		return "", time.Time{}, err
	}
	return store.Doubted(ctx, server)
}

// Doubt keeps that a server is not to be written ahead to, and why.
func (m serverMemory) Doubt(ctx context.Context, server, why string) error {
	store, err := m.file.open()
	if err != nil {
		return err
	}
	return store.Doubt(ctx, server, why)
}
