/* The loop of `gate.rs` as a C program would write it, linked into `c_over_rust` with the library as it is installed. */
#include <stdlib.h>

#include "stanchion.h"

typedef struct gate {
    stn_policy *policy;
    void *state;
    size_t size;
    uint64_t now_us;
} gate;

gate *c_gate_new(const char *json, size_t len, uint64_t now_us);
uint32_t c_gate_measured(gate *self, uint32_t times);
void c_gate_free(gate *self);

/* Null where the library refuses the policy. */
gate *c_gate_new(const char *json, size_t len, uint64_t now_us) {
    gate *self = calloc(1, sizeof *self);
    if (self == NULL) return NULL;
    self->now_us = now_us;
    if (stn_policy_from_json(json, len, &self->policy, NULL) == STN_OK && stn_state_size(self->policy, &self->size) == STN_OK &&
        (self->state = malloc(self->size)) != NULL &&
        stn_state_init(self->policy, self->state, self->size, now_us) == STN_OK) {
        return self;
    }
    c_gate_free(self);
    return NULL;
}

void c_gate_free(gate *self) {
    stn_policy_free(self->policy);
    free(self->state);
    free(self);
}

/* So many calls that work: acquire, settle. Returns how many were admitted. */
uint32_t c_gate_measured(gate *self, uint32_t times) {
    const stn_settle_options end = {.struct_size = sizeof end, .outcome = STN_SUCCESS};
    stn_decision decision = {.struct_size = sizeof decision};
    const stn_policy *const policy = self->policy;
    void *const state = self->state;
    const size_t size = self->size;
    uint64_t now_us = self->now_us;
    uint32_t admitted = 0;
    for (uint32_t i = 0; i < times; i++) {
        if (stn_acquire(policy, state, size, NULL, ++now_us, &decision) != STN_OK) return 0;
        if (decision.verdict != STN_ADMITTED) continue;
        if (stn_settle(policy, state, size, &decision.permit, &end, ++now_us, NULL) != STN_OK) return 0;
        admitted++;
    }
    self->now_us = now_us;
    return admitted;
}
