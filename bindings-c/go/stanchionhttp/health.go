//go:build cgo

package stanchionhttp

import (
	"net/http"
	"path"
	"strconv"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// HealthHandler answers the probes of an orchestrator for these policies together: the path ends in live or ready, such as
// /health/live. The answer is 200, or 503 where one of them is not; its body, application/health+json, has each policy by its
// name, and why; the second one of a name is name/1, and so on.
//
//	http.Handle("/health/", stanchionhttp.HealthHandler(mail, calendar))
func HealthHandler(policies ...*stanchion.Policy) http.Handler {
	named := byName(policies)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe, isProbe := map[string]stanchion.Probe{"live": stanchion.LiveProbe, "ready": stanchion.ReadyProbe}[path.Base(r.URL.Path)]
		switch {
		case !isProbe:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			answer(w, probe, named)
		}
	})
}

// byName keeps policies of one name apart, so that none hides another.
func byName(policies []*stanchion.Policy) map[string]*stanchion.Policy {
	named := map[string]*stanchion.Policy{}
	for _, policy := range policies {
		name := policy.Name()
		for i := 1; named[name] != nil; i++ {
			name = policy.Name() + "/" + strconv.Itoa(i)
		}
		named[name] = policy
	}
	return named
}

func answer(w http.ResponseWriter, probe stanchion.Probe, policies map[string]*stanchion.Policy) {
	parts := map[string]stanchion.Health{}
	for name, policy := range policies {
		health, err := policy.Health()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable) // such as a policy that was closed
			return
		}
		parts[name] = health
	}
	status, body, err := stanchion.AnswerProbe(probe, parts)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/health+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
