package ftptest

// inetutils runs ftpd as inetd would, for by itself it listens at all addresses. What it
// logs goes to the system's log only.
func inetutils(place) command {
	return command{args: []string{"--umask=022"}}
}
