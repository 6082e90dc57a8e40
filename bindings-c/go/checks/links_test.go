package checks

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What stands in brackets in the documentation is a link that pkg.go.dev knows.
func TestTheDocumentationsLinksLeadSomewhere(t *testing.T) {
	for folder, of := range map[string]string{"..": path, "../stanchionhttp": path + "/stanchionhttp", "../stanchiontest": path + "/stanchiontest",
		"../stanchiongrpc": path + "/stanchiongrpc"} {
		shown, texts := documented(t, folder, of)
		for _, text := range texts {
			for _, broken := range unresolved.FindAllString(string(shown.Text(text)), -1) {
				t.Errorf("%s: %s leads nowhere", folder, strings.TrimSpace(broken))
			}
		}
	}
}

// What the printer of texts leaves in brackets.
var unresolved = regexp.MustCompile(`(?:^|[\s("])\[\*?[A-Za-z][\w.]*\]`)

// documented is a package and all texts of its exported names.
func documented(t *testing.T, folder, of string) (*doc.Package, []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing in %s: %v", folder, err)
	}
	positions := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	shown, err := doc.NewFromFiles(positions, files, of)
	if err != nil {
		t.Fatal(err)
	}
	return shown, textsOf(shown)
}

func textsOf(shown *doc.Package) []string {
	texts := []string{shown.Doc}
	values := func(some []*doc.Value) {
		for _, value := range some {
			texts = append(texts, value.Doc)
		}
	}
	functions := func(some []*doc.Func) {
		for _, function := range some {
			texts = append(texts, function.Doc)
		}
	}
	values(shown.Consts)
	values(shown.Vars)
	functions(shown.Funcs)
	for _, kind := range shown.Types {
		texts = append(texts, kind.Doc)
		values(kind.Consts)
		values(kind.Vars)
		functions(kind.Funcs)
		functions(kind.Methods)
	}
	return texts
}

// The proxy hands out a module's folder and no more, so each has the project's licences, and both need the release that they name.
func TestTheModulesCarryTheirLicences(t *testing.T) {
	for _, module := range []string{"..", "../stanchiongrpc"} {
		for _, licence := range []string{"LICENSE-MIT", "LICENSE-APACHE"} {
			if read(t, filepath.Join(module, licence)) != read(t, filepath.Join("../../..", licence)) {
				t.Errorf("%s of %s is another than the project's", licence, module)
			}
		}
	}
	release := regexp.MustCompile(`(?m)^version = "(.*)"`).FindStringSubmatch(read(t, "../../../Cargo.toml"))[1]
	if !strings.Contains(read(t, "../stanchiongrpc/go.mod"), "\t"+path+" v"+release+"\n") {
		t.Errorf("stanchiongrpc does not need the module's release %s", release)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
