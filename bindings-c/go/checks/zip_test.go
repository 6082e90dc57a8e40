package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const path = "github.com/stanchion/stanchion/bindings-c/go"

const program = `package main

import (
	"fmt"

	stanchion "` + path + `"
	"` + path + `/stanchionhttp"
)

func main() {
	policy, err := stanchion.New(stanchion.Config{Name: "zip"})
	if err != nil {
		panic(err)
	}
	defer policy.Close()
	fmt.Println(policy.Name(), stanchionhttp.NetworkErrorOf(nil) != 0)
}
`

// The module as the proxy would hand it out, outside of the repository, against a library that was installed.
func TestTheModulesZipIsBuiltAgainstAnInstalledLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("installs the library")
	}
	away := t.TempDir()
	unpacked, prefix, main := filepath.Join(away, "module"), filepath.Join(away, "usr"), filepath.Join(away, "main")
	unzip(t, unpacked)
	run(t, "..", nil, "make", "--no-print-directory", "-C", "..", "install", "PREFIX="+prefix)
	write(t, filepath.Join(main, "main.go"), program)
	write(t, filepath.Join(main, "go.mod"), "module main\n\ngo 1.24\n\nrequire "+path+" v0.0.0\n\nreplace "+path+" => "+unpacked+"\n")
	said := run(t, main, []string{
		"GOFLAGS=-mod=mod", "GOWORK=off", "CGO_LDFLAGS=", "PKG_CONFIG_PATH=" + prefix + "/lib/pkgconfig",
	}, "go", "run", ".")
	if said != "zip true\n" {
		t.Errorf("the program said %q", said)
	}
}

// Only who asks for it gets a program that needs the shared library.
func TestTheTagSharedLinksTheSharedLibrary(t *testing.T) {
	for tag, want := range map[string]string{"none": "[stanchion-static]", "stanchion_shared": "[stanchion]", "stanchion_repo": "[]"} {
		said := run(t, "..", []string{"GOFLAGS=-tags=" + tag}, "go", "list", "-f", "{{.CgoPkgConfig}}", ".")
		if strings.TrimSpace(said) != want {
			t.Errorf("%s asks pkg-config for %s", tag, said)
		}
	}
}

func unzip(t *testing.T, into string) {
	t.Helper()
	version := module.Version{Path: path, Version: "v0.0.0"}
	packed := filepath.Join(t.TempDir(), "module.zip")
	file, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.CreateFromDir(file, version, ".."); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Unzip(into, version, packed); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir, command.Env = dir, append(os.Environ(), env...)
	var complaint strings.Builder
	command.Stderr = &complaint
	said, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, said, complaint.String())
	}
	return string(said)
}
