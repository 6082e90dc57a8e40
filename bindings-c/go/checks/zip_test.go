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
	prefix, main := filepath.Join(away, "usr"), filepath.Join(away, "main")
	use := unzip(t, "..", path, filepath.Join(away, "module"))
	run(t, "..", nil, "make", "--no-print-directory", "-C", "..", "install", "PREFIX="+prefix)
	write(t, filepath.Join(main, "main.go"), program)
	write(t, filepath.Join(main, "go.mod"), "module main\n\ngo 1.24\n\n"+use)
	said := run(t, main, []string{
		"GOFLAGS=-mod=mod", "GOWORK=off", "CGO_LDFLAGS=", "PKG_CONFIG_PATH=" + prefix + "/lib/pkgconfig",
	}, "go", "run", ".")
	if said != "zip true\n" {
		t.Errorf("the program said %q", said)
	}
}

// To build gRPC for it takes a minute, so the other module's zip is only looked through: each package that it needs is found.
func TestTheOtherModulesZipFindsWhatItNeeds(t *testing.T) {
	away := t.TempDir()
	main, grpc := filepath.Join(away, "main"), path+"/stanchiongrpc"
	use := unzip(t, "..", path, filepath.Join(away, "module")) + unzip(t, "../stanchiongrpc", grpc, filepath.Join(away, "grpc"))
	write(t, filepath.Join(main, "main.go"), "package main\n\nimport _ \""+grpc+"\"\n\nfunc main() {}\n")
	write(t, filepath.Join(main, "go.mod"), "module main\n\ngo 1.24\n\n"+use)
	write(t, filepath.Join(main, "go.sum"), read(t, "../stanchiongrpc/go.sum")) // of what the proxy would be asked for
	said := run(t, main, []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "list", "-deps", ".")
	for _, needed := range []string{path, grpc, "google.golang.org/grpc"} {
		if !strings.Contains(said, "\n"+needed+"\n") {
			t.Errorf("%s is not found", needed)
		}
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

// unzip packs a module, unpacks it, and returns the lines of a go.mod that uses it.
func unzip(t *testing.T, from, path, into string) string {
	t.Helper()
	version := module.Version{Path: path, Version: "v0.1.0"}
	packed := into + ".zip"
	file, err := os.Create(packed)
	if err != nil {
		t.Fatal(err)
	}
	if err := zip.CreateFromDir(file, version, from); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Unzip(into, version, packed); err != nil {
		t.Fatal(err)
	}
	return "require " + path + " v0.1.0\n\nreplace " + path + " => " + into + "\n\n"
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
