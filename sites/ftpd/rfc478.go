package ftpd

import "context"

// barePasvVerb performs PASV of RFC 478: it listens on the default data socket
// and the reply has no address. After SOCK only the other end which SOCK named
// may connect, else whoever may be one.
func (s *session) barePasvVerb(ctx context.Context, _ string) {
	r := s.anyPeer()
	if a, ok := s.data.(*active); ok {
		r.exact = a.remote
	}
	data, err := defaultDataSocket(s.local)
	if err == nil {
		_, err = s.listen(ctx, data.Port(), r, passive{})
	}
	if err != nil {
		s.reply(noPassive, reason(err))
		return
	}
	s.reply(listening)
}
