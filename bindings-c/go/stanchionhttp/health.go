//go:build cgo

package stanchionhttp

import (
	"net/http"
	"path"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// HealthHandler answers the probes of an orchestrator for these policies together: the path ends in live or ready, such as
// /health/live. The answer is 200, or 503 where one of them is not; its body, application/health+json, has each policy by its
// name, and why.
//
//	http.Handle("/health/", stanchionhttp.HealthHandler(mail, calendar))
func HealthHandler(policies ...*stanchion.Policy) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		probe, isProbe := map[string]stanchion.Probe{"live": stanchion.LiveProbe, "ready": stanchion.ReadyProbe}[path.Base(r.URL.Path)]
		switch {
		case !isProbe:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			answer(w, probe, policies)
		}
	})
}

func answer(w http.ResponseWriter, probe stanchion.Probe, policies []*stanchion.Policy) {
	parts := map[string]stanchion.Health{}
	for _, policy := range policies {
		health, err := policy.Health()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable) // such as a policy that was closed
			return
		}
		parts[policy.Name()] = health
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
