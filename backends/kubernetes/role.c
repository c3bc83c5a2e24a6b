/* SPDX-License-Identifier: MIT */
/* The Role of a user of this backend, as YAML. */
#include "backends/kubernetes/role.h"

#define NAME "pipeline-runtime"

const plr_kube_rule plr_kube_rules[PLR_KUBE_N_ALL_RULES] = {
    { "pods", NULL, { "create", "get", "list", "watch", "patch", "delete", "deletecollection" } },
    { "pods", "log", { "get" } },
    { "secrets", NULL, { "create" } }, /* the garbage collector deletes them */
    [PLR_KUBE_RULE_CLAIMS] = { "persistentvolumeclaims", NULL, { "create" } },
    [PLR_KUBE_RULE_SERVICE] = { "services", NULL, { "create" } },
};

static void put_metadata(plr_buf *out, const char *kind, const char *namespace_name)
{
    plr_buf_printf(out,
            "apiVersion: rbac.authorization.k8s.io/v1\n"
            "kind: %s\n"
            "metadata:\n"
            "  name: " NAME "\n",
            kind);
    if (namespace_name != NULL)
        plr_buf_printf(out, "  namespace: \"%s\"\n", namespace_name);
}

void plr_kube_role_put(
        plr_buf *out, const char *namespace_name, const char *account, size_t n_rules)
{
    put_metadata(out, "Role", namespace_name);
    plr_buf_puts(out, "rules:\n");
    for (size_t i = 0; i < n_rules; i++) {
        const plr_kube_rule *rule = &plr_kube_rules[i];
        plr_buf_printf(out, "- apiGroups: [\"\"]\n  resources: [\"%s%s%s\"]\n  verbs: [",
                rule->resource, rule->subresource != NULL ? "/" : "",
                rule->subresource != NULL ? rule->subresource : "");
        for (size_t k = 0; rule->verbs[k] != NULL; k++)
            plr_buf_printf(out, "%s\"%s\"", k > 0 ? ", " : "", rule->verbs[k]);
        plr_buf_puts(out, "]\n");
    }
    if (account == NULL)
        return;
    plr_buf_puts(out, "---\n");
    put_metadata(out, "RoleBinding", namespace_name);
    plr_buf_printf(out,
            "subjects:\n"
            "- kind: ServiceAccount\n"
            "  name: \"%s\"\n",
            account);
    if (namespace_name != NULL)
        plr_buf_printf(out, "  namespace: \"%s\"\n", namespace_name);
    plr_buf_puts(out, "roleRef:\n"
                      "  apiGroup: rbac.authorization.k8s.io\n"
                      "  kind: Role\n"
                      "  name: " NAME "\n");
}
