package checks

import (
	"regexp"
	"strings"
	"testing"
)

var ofC = regexp.MustCompile(`\bC\.\w|_Ctype|\bunsafe\.`)

// Nothing of C is in what the packages show: their users never see the library below.
func TestTheDocumentationShowsNothingOfC(t *testing.T) {
	for _, folder := range []string{"..", "../stanchionhttp", "../stanchiontest", "../stanchiongrpc"} {
		shown := run(t, folder, nil, "go", "doc", "-all", ".")
		if !strings.Contains(shown, "func ") {
			t.Errorf("%s shows nothing", folder)
		}
		for _, line := range strings.Split(shown, "\n") {
			if ofC.MatchString(line) {
				t.Errorf("%s shows %q", folder, line)
			}
		}
	}
}
