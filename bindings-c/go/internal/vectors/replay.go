package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	stanchion "github.com/stanchion/stanchion/bindings-c/go"
)

// Where a vector begins when it does not say.
const startUS = 1_700_000_000_000_000

// replay computes all lines of a vector. It looks at no `expect`, and at the `state` of no step.
func replay(vector object) ([]object, error) {
	if config, isThere := vector["config"]; isThere {
		return one(build(config))
	}
	if value, isThere := vector["retry_after"].(string); isThere {
		now, err := number(vector, "now_us")
		if err != nil {
			return nil, err
		}
		line := object{"until_us": nil}
		if until, isValid := stanchion.ParseRetryAfter(value, time.UnixMicro(now)); isValid {
			line["until_us"] = until.UnixMicro()
		}
		return []object{line}, nil
	}
	if reply, isThere := vector["classify"].(object); isThere {
		return one(classify(vector, reply))
	}
	if steps, isThere := vector["spool"].([]any); isThere {
		return replaySpool(vector, steps)
	}
	steps, isThere := vector["steps"].([]any)
	if !isThere {
		return nil, errors.New("neither steps, spool, config, classify nor retry_after")
	}
	return replaySteps(vector, steps)
}

func one(line object, err error) ([]object, error) { return []object{line}, err }

func build(config any) (object, error) {
	policy, err := stanchion.FromJSON([]byte(canonical(config)))
	if err != nil {
		return refusedInput(err)
	}
	defer policy.Close()
	filled, err := parse([]byte(policy.Config()))
	return object{"fingerprint": policy.Fingerprint(), "config": filled}, err
}

var networkErrors = map[string]stanchion.NetworkError{
	"refused": stanchion.NetworkRefused, "reset": stanchion.NetworkReset, "timeout": stanchion.NetworkTimeout,
	"dns": stanchion.NetworkDNS, "tls": stanchion.NetworkTLS, "aborted": stanchion.NetworkAborted,
	"other": stanchion.NetworkOther,
}

func classify(vector, fields object) (object, error) {
	policy, err := stanchion.FromJSON([]byte(canonical(vector["policy"])))
	if err != nil {
		return nil, err
	}
	defer policy.Close()
	now, err := number(vector, "now_us")
	if err != nil {
		return nil, err
	}
	var reply stanchion.Reply
	if name, isError := fields["error"].(string); isError {
		reply.Error = networkErrors[name]
	} else {
		status, err := number(fields, "status")
		if err != nil {
			return nil, err
		}
		reply.Status = int(status)
	}
	reply.RetryAfter, _ = fields["retry_after"].(string)
	classified, err := policy.At(time.UnixMicro(now)).Classify(reply)
	return object{
		"outcome": classified.Outcome.String(), "block_until_us": orNull(classified.BlockUntil),
		"retry": string(classified.Retry), "retry_at_us": orNull(classified.RetryAt),
		"fault": nameOrNull(string(classified.Fault)),
	}, err
}

func nameOrNull(name string) any {
	if name == "" {
		return nil
	}
	return name
}

func orNull(instant time.Time) any {
	if instant.IsZero() {
		return nil
	}
	return instant.UnixMicro()
}

// refusedInput is an error with its fields, which a configuration and a command have.
func refusedInput(err error) (object, error) {
	var config *stanchion.ConfigError
	var input *stanchion.InputError
	switch {
	case errors.As(err, &config):
		return object{"error": object{"field": config.Field, "value": config.Value, "allowed": config.Allowed}}, nil
	case errors.As(err, &input):
		return object{"error": object{"field": input.Field, "value": input.Value, "allowed": input.Allowed}}, nil
	}
	return nil, err
}

// player is what is remembered between the steps of a vector.
type player struct {
	configs object // by name; the empty one is the vector's `policy`
	permits map[string]string
	policy  *stanchion.Policy
	now     time.Time
}

func replaySteps(vector object, steps []any) ([]object, error) {
	p := &player{configs: object{"": vector["policy"]}, permits: map[string]string{}}
	policies, _ := vector["policies"].(object)
	for name, config := range policies {
		p.configs[name] = config
	}
	start, err := startOf(vector)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p.policy != nil {
			p.policy.Close()
		}
	}()
	var lines []object
	for i, item := range steps {
		step, _ := item.(object)
		at, err := number(step, "at_us")
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		p.now = time.UnixMicro(start + at)
		line, err := p.step(step, vector["state"])
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func startOf(vector object) (int64, error) {
	if _, isThere := vector["start_us"]; isThere {
		return number(vector, "start_us")
	}
	return startUS, nil
}

// choose builds the policy of a step, and hands it the state of the one before it.
func (p *player) choose(step object, firstState any) error {
	name, isNamed := step["policy"].(string)
	if !isNamed && p.policy != nil {
		return nil
	}
	next, err := stanchion.FromJSON([]byte(canonical(p.configs[name])),
		stanchion.WithClock(func() time.Time { return p.now }))
	if err != nil {
		return err
	}
	before := p.policy
	p.policy = next
	if before == nil {
		if digits, isThere := firstState.(string); isThere {
			return restoreHex(next, digits)
		}
		return nil
	}
	defer before.Close()
	bytes, err := before.Snapshot()
	if err != nil {
		return err
	}
	return next.Restore(bytes)
}

func restoreHex(policy *stanchion.Policy, digits string) error {
	bytes, err := hex.DecodeString(digits)
	if err != nil {
		return err
	}
	return policy.Restore(bytes)
}

func (p *player) step(step object, firstState any) (object, error) {
	if err := p.choose(step, firstState); err != nil {
		return nil, err
	}
	do, _ := step["do"].(object)
	var line object
	err := errors.New("a step without `do`")
	for kind, args := range do {
		fields, _ := args.(object)
		line, err = p.do(kind, fields, args)
	}
	if err != nil {
		return nil, err
	}
	answer, _ := line["answer"].(object)
	permit, isAdmitted := answer["permit"].(string)
	if as, isNamed := step["as"].(string); isNamed && isAdmitted {
		p.permits[as] = permit
	}
	state, err := p.policy.Snapshot()
	line["state"] = hex.EncodeToString(state)
	return line, err
}

func (p *player) do(kind string, fields object, args any) (object, error) {
	m := p.policy.At(p.now)
	switch kind {
	case "acquire":
		return p.acquire(m, fields)
	case "settle", "cancel", "renew":
		return p.giveBack(m, kind, fields)
	case "command":
		answer, err := m.Command(canonical(args))
		if err != nil {
			refused, err := refusedInput(err)
			return query(refused), err
		}
		return said(object{"commanded": answer.Result.String()}, answer.Report), nil
	case "peek":
		return p.peek(m, fields)
	case "next_change_at":
		return at(m.NextChangeAt())
	case "vacuous_at":
		return at(p.policy.VacuousAt())
	case "rate_limit":
		left, err := m.RateLimit()
		return query(object{"rate_limit_policy": p.policy.RateLimitPolicy(), "rate_limit": left}), err
	case "explain":
		text, err := m.ExplainJSON()
		if err != nil {
			return nil, err
		}
		explanation, err := parse(text)
		return query(explanation), err
	case "restore":
		return p.restore(fields)
	}
	return apply(m, object{kind: args})
}

// apply is what crosses as JSON.
func apply(m stanchion.Moment, what object) (object, error) {
	step, err := m.Apply(canonical(what))
	if err != nil {
		refused, err := refusedInput(err)
		return query(refused), err
	}
	answer, err := parse(step.Answer)
	return said(answer, step.Report), err
}

func (p *player) restore(fields object) (object, error) {
	digits, _ := fields["bytes"].(string)
	err := restoreHex(p.policy, digits)
	var refused *stanchion.StateError
	switch {
	case errors.As(err, &refused):
		return query(object{"error": refused.Code}), nil
	case err != nil:
		return nil, err
	}
	return query(object{"restored": true}), nil
}

func (p *player) acquire(m stanchion.Moment, fields object) (object, error) {
	wish, err := wishOf(fields)
	if err != nil {
		return nil, err
	}
	permit, err := m.TryAcquire(wish...)
	var rejected *stanchion.RejectedError
	switch {
	case errors.As(err, &rejected):
		return said(refusal(rejected), rejected.Report), nil
	case err != nil:
		return nil, err
	}
	answer := object{"admitted": true, "permit": permit.String(), "would_reject": nil}
	if permit.WouldReject != nil {
		answer["would_reject"] = refusal(permit.WouldReject)
	}
	return said(answer, permit.Report), nil
}

func (p *player) peek(m stanchion.Moment, fields object) (object, error) {
	wish, err := wishOf(fields)
	if err != nil {
		return nil, err
	}
	err = m.Peek(wish...)
	var rejected *stanchion.RejectedError
	if errors.As(err, &rejected) {
		return query(refusal(rejected)), nil
	}
	return query(object{"admitted": true}), err
}

func (p *player) giveBack(m stanchion.Moment, kind string, fields object) (object, error) {
	text, _ := fields["permit"].(string)
	if digits, isNamed := p.permits[text]; isNamed {
		text = digits
	}
	permit, err := stanchion.ParsePermit(text)
	if err != nil {
		return nil, err
	}
	var answer stanchion.Answer
	switch kind {
	case "settle":
		answer, err = settle(m, permit, fields)
	case "cancel":
		answer, err = m.Cancel(permit)
	default:
		answer, err = m.Renew(permit)
		if answer.Result == stanchion.Renewed {
			return said(object{"renewed": object{"until_us": answer.Until.UnixMicro()}}, answer.Report), err
		}
		return said(object{"renewed": answer.Result.String()}, answer.Report), err
	}
	return said(object{"settled": answer.Result.String()}, answer.Report), err
}

func settle(m stanchion.Moment, permit *stanchion.Permit, fields object) (stanchion.Answer, error) {
	outcomes := map[any]stanchion.Outcome{
		"success": stanchion.Success, "failure": stanchion.Failure, "ignored": stanchion.Ignored,
	}
	var opts []stanchion.SettleOption
	if _, isThere := fields["duration_us"]; isThere {
		us, err := number(fields, "duration_us")
		if err != nil {
			return stanchion.Answer{}, err
		}
		opts = append(opts, stanchion.Took(time.Duration(us)*time.Microsecond))
	}
	if _, isThere := fields["actual_cost"]; isThere {
		cost, err := number(fields, "actual_cost")
		if err != nil {
			return stanchion.Answer{}, err
		}
		opts = append(opts, stanchion.ActualCost(uint32(cost)))
	}
	return m.Settle(permit, outcomes[fields["outcome"]], opts...)
}

func wishOf(fields object) ([]stanchion.AcquireOption, error) {
	var opts []stanchion.AcquireOption
	if _, isThere := fields["cost"]; isThere {
		cost, err := number(fields, "cost")
		if err != nil {
			return nil, err
		}
		opts = append(opts, stanchion.Cost(uint32(cost)))
	}
	if holder, isThere := fields["holder"].(string); isThere {
		opts = append(opts, stanchion.Holder(holder))
	}
	return opts, nil
}

func refusal(rejected *stanchion.RejectedError) object {
	gates := []any{}
	for _, gate := range rejected.Gates {
		gates = append(gates, gate.String())
	}
	answer := object{"admitted": false, "by": rejected.By.String(), "gates": gates, "retry_after_us": nil}
	if !rejected.Never {
		answer["retry_after_us"] = rejected.RetryAfter.Microseconds()
	}
	return answer
}

func said(answer any, report stanchion.Report) object {
	events := []any{}
	for _, name := range report.Events.Names() {
		events = append(events, name)
	}
	return object{"answer": answer, "changed": report.Changed, "events": events}
}

func query(answer any) object { return said(answer, stanchion.Report{}) }

func at(instant time.Time, err error) (object, error) {
	if instant.IsZero() {
		return query(nil), err
	}
	return query(object{"at_us": instant.UnixMicro()}), err
}

func number(fields object, name string) (int64, error) {
	text, isNumber := fields[name].(json.Number)
	if !isNumber {
		return 0, fmt.Errorf("`%s` is no number", name)
	}
	return strconv.ParseInt(text.String(), 10, 64)
}
