package rsexec

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"rsexec/sites"
)

// password finds the password for a site whose URL has none: in the
// environment, from a command, in ~/.netrc, or at the terminal.
func (x *Executive) password(ctx context.Context, c sites.Config) (password string, err error) {
	if c.PasswordEnv != "" {
		password, ok := os.LookupEnv(c.PasswordEnv)
		if !ok {
			return "", &sites.Error{Site: c.Name, Kind: sites.Login, Msg: fmt.Sprintf("the environment has no %s", c.PasswordEnv)}
		}
		return password, nil
	}
	if c.PasswordCommand != "" {
		x.display.aside(func() { password, err = passwordFrom(ctx, c, x.environment()) }) // it may ask the person
		return password, err
	}
	password, ok, err := netrcPassword(c.Host, c.User)
	if err != nil || ok {
		return password, err
	}
	if x.options.Ask == nil {
		return "", nil // the server may want none, or says that it does
	}
	if err := quiet(ctx, c); err != nil {
		return "", err
	}
	return x.options.Ask(ctx, fmt.Sprintf("password for %s at %s: ", c.User, c.Name), true)
}

// environment returns the environment for another program: this one's without the
// passwords of sites.
func (x *Executive) environment() []string {
	secret := make(map[string]bool)
	for _, f := range x.network.ftpSites() {
		secret[f.Config().PasswordEnv] = true
	}
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return name != "" && secret[name]
	})
}

func passwordFrom(ctx context.Context, c sites.Config, environment []string) (string, error) {
	shell, flag := "/bin/sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/c"
	}
	command := exec.CommandContext(ctx, shell, flag, c.PasswordCommand)
	command.Env, command.Stderr = environment, os.Stderr
	out, err := command.Output()
	if err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	return "", &sites.Error{Site: c.Name, Kind: sites.Login, Msg: "password-command failed", Err: err}
}
