/* SPDX-License-Identifier: MIT */
/* The rights that this backend needs in a namespace: one list, for the Role that people can apply
 * and for the question whether they have them. */
#ifndef PLR_KUBE_ROLE_H
#define PLR_KUBE_ROLE_H

#include <stddef.h>

#include "engine/base/buf.h"

/* Verbs of one resource of the core group. */
typedef struct plr_kube_rule {
    const char *resource;    /* "pods" */
    const char *subresource; /* "log", or NULL */
    const char *verbs[8];    /* NULL-terminated */
} plr_kube_rule;

/* What every run needs, and behind it what some need whose steps have a pod each. */
enum {
    PLR_KUBE_N_RULES = 3,
    PLR_KUBE_RULE_CLAIMS = PLR_KUBE_N_RULES, /* pods share volumes */
    PLR_KUBE_RULE_SERVICE,                   /* pods find each other by DNS */
    PLR_KUBE_N_ALL_RULES,
};
extern const plr_kube_rule plr_kube_rules[PLR_KUBE_N_ALL_RULES];
/* More than there are verbs of all rules. */
#define PLR_KUBE_MOST_RIGHTS 32

/* Appends the Role as YAML and, with the name of a service account, the RoleBinding, of the
 * first `n_rules` of plr_kube_rules. `namespace` NULL: it is left to whoever applies it. A failure
 * is remembered by the buffer. */
void plr_kube_role_put(
        plr_buf *out, const char *namespace_name, const char *account, size_t n_rules);

#endif
