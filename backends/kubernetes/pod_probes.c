/* SPDX-License-Identifier: MIT */
/* The questions that a kubelet asks of a container: whether it is ready, and whether its engine is
 * still there. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/pod_parts.h"
#include "init/words.h"
#include "net/jsonc.h"

/* By which it is seen that a held step has begun. */
#define RECORD PLR_KUBE_FOLDER "/" PLR_INIT_POD_OWN "/result"

/* How seldom it is asked, at most, whether the engine is still there. */
#define LEASE_PERIOD_S 20

/* "8080" of ":8080/path". */
static int64_t http_port(const char *http)
{
    return strtoll(http + (http[0] == ':'), NULL, 10);
}

/* What answers by HTTP has its port open. */
static bool asks_tcp(const plr_ready *ready)
{
    return ready->tcp > 0 && (ready->http == NULL || http_port(ready->http) != ready->tcp);
}

size_t plr_kube_probe_count(const plr_ready *ready)
{
    return ready == NULL ? 0
                         : (size_t)asks_tcp(ready) + (ready->http != NULL) + (ready->n_exec > 0);
}

/* plr-init asks inside the pod: many services listen at 127.0.0.1 only, where the kubelet's own
 * questions do not come. */
static json_object *ask_port(int64_t port, const char *path, bool held)
{
    char text[32];
    const char *texts[8] = { PLR_KUBE_INIT };
    size_t n = 1;
    snprintf(text, sizeof(text), "%lld", (long long)port);
    if (held) {
        texts[n++] = "--begun";
        texts[n++] = RECORD;
    }
    texts[n++] = "--probe";
    texts[n++] = text;
    if (path != NULL) {
        texts[n++] = "--http";
        texts[n++] = path;
    }
    return plr_jsonc_strings(texts, n);
}

static json_object *ask_exec(const plr_ready *ready, bool held)
{
    static const char *const before[] = { PLR_KUBE_INIT, "--begun", RECORD, "--" };
    _cleanup_json_ json_object *array = plr_jsonc_strings(before, held ? 4 : 0);
    bool good = array != NULL;
    for (size_t i = 0; i < ready->n_exec && good; i++)
        good = plr_jsonc_append(array, plr_kube_literal(ready->exec[i]));
    return good ? steal(array) : NULL;
}

/* A failed startupProbe would kill the container: it may fail for ever. */
static json_object *make_probe(json_object *command, bool startup)
{
    json_object *probe =
            plr_jsonc_object("exec", plr_jsonc_object("command", command, NULL), "periodSeconds",
                    json_object_new_int(1), "timeoutSeconds", json_object_new_int(10), NULL);
    if (!startup || plr_jsonc_add(probe, "failureThreshold", json_object_new_int(1000000)))
        return probe;
    json_object_put(probe);
    return NULL;
}

void plr_kube_lease_words_make(plr_kube_lease_words *ret_words, const plr_kube_pod_maker *maker)
{
    snprintf(ret_words->numbers[0], sizeof(ret_words->numbers[0]), "%lld",
            (long long)maker->lease_s);
    snprintf(ret_words->numbers[1], sizeof(ret_words->numbers[1]), "%zu", maker->n_containers);
    ret_words->words[0] = "--lease";
    ret_words->words[1] = ret_words->numbers[0];
    ret_words->words[2] = "--containers";
    ret_words->words[3] = ret_words->numbers[1];
}

/* The kubelet asks instead of a plr-init, and ends the container: nothing starts it again. It has
 * to hear the same several times, because a clock may have been set; that a busy node takes its
 * time to ask is no answer. */
static bool add_lease(json_object *container, const plr_kube_pod_maker *maker)
{
    plr_kube_lease_words lease;
    plr_kube_lease_words_make(&lease, maker);
    const char *texts[] = { PLR_KUBE_INIT, "--pod", PLR_KUBE_FOLDER, lease.words[0], lease.words[1],
        lease.words[2], lease.words[3], "--leased" };
    int64_t period_s = maker->lease_s / 6;
    period_s = period_s < 1 ? 1 : period_s > LEASE_PERIOD_S ? LEASE_PERIOD_S : period_s;
    return plr_jsonc_add(container, "livenessProbe",
            plr_jsonc_object("exec",
                    plr_jsonc_object("command",
                            plr_jsonc_strings(texts, sizeof(texts) / sizeof(texts[0])), NULL),
                    "periodSeconds", json_object_new_int64(period_s), "timeoutSeconds",
                    json_object_new_int(60), "failureThreshold", json_object_new_int(3), NULL));
}

static bool add_ready(json_object *container, const plr_step *step, plr_kube_hold hold)
{
    /* A container that is held is asked, too: nothing of the step's may run then, and whoever
     * answers at its port is somebody else. */
    const bool held = plr_kube_has_init(hold);
    static const char *const keys[PLR_KUBE_PROBES] = { "readinessProbe", "startupProbe" };
    const plr_ready *ready = step->ready;
    json_object *commands[3];
    size_t n = 0;
    if (ready == NULL)
        return true;
    /* The last thing that becomes true is the readiness: the startup probe is asked before. */
    if (ready->n_exec > 0)
        commands[n++] = ask_exec(ready, held);
    if (ready->http != NULL) {
        const char *path = strchr(ready->http, '/');
        commands[n++] = ask_port(http_port(ready->http), path == NULL ? "/" : path, held);
    }
    if (asks_tcp(ready))
        commands[n++] = ask_port(ready->tcp, NULL, held);
    bool good = true;
    for (size_t i = 0; i < n && i < PLR_KUBE_PROBES; i++)
        good = plr_jsonc_add(container, keys[i], make_probe(commands[i], i > 0)) && good;
    if (n > PLR_KUBE_PROBES)
        json_object_put(commands[PLR_KUBE_PROBES]);
    return good;
}

bool plr_kube_add_probes(json_object *container, const plr_kube_pod_maker *maker,
        const plr_step *step, plr_kube_hold hold)
{
    bool keeps_init = plr_kube_has_init(hold) && !step->detach;
    return (keeps_init || add_lease(container, maker)) && add_ready(container, step, hold);
}
