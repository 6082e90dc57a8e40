//go:build cgo

package stanchionhttp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProbesAreAnsweredByTheCore(t *testing.T) {
	mail, calendar := policyOf(t, oneSlot), policyOf(t, `{"name": "calendar", "circuit": {"consecutive_failures": 1}}`)
	handler := HealthHandler(mail, calendar)
	ask := func(method, path string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
		return recorder
	}
	if answer := ask(http.MethodGet, "/health/ready"); answer.Code != http.StatusOK {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if _, err := calendar.Command(`{"trip":{}}`); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/health/live": 200, "/health/ready": 503, "/health/": 404} {
		if answer := ask(http.MethodGet, path); answer.Code != want {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
	answer := ask(http.MethodGet, "/health/ready")
	if kind := answer.Header().Get("Content-Type"); kind != "application/health+json" {
		t.Errorf("a body of %s", kind)
	}
	if body := answer.Body.String(); !strings.Contains(body, `"calendar":[{"status":"fail","reasons":["circuit_open"]}]`) {
		t.Errorf("body %s", body)
	}
	if answer := ask(http.MethodPost, "/health/live"); answer.Code != http.StatusMethodNotAllowed {
		t.Errorf("%d", answer.Code)
	}
	twins := HealthHandler(mail, mail, calendar, mail)
	recorder := httptest.NewRecorder()
	twins.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/health/live", nil))
	for _, part := range []string{`"p":`, `"p/1":`, `"p/2":`, `"calendar":`} {
		if body := recorder.Body.String(); !strings.Contains(body, part) {
			t.Errorf("%s hides behind another: %s", part, body)
		}
	}
	calendar.Close()
	if answer := ask(http.MethodGet, "/health/live"); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", answer.Code)
	}
}
