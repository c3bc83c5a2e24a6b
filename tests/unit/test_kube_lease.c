/* SPDX-License-Identifier: MIT */
/* How long a pod goes on without its engine, and who in it sees to that. */
#include <stdio.h>

#include "tests/unit/harness.h"
#include "tests/unit/kube_subject.h"

#define NAMED(name) "'metadata':{'name':'" name "'},"
#define SHELL "'docker':{'image':'i:1','command':['x']}"

/* Nobody knows the second's command: its image is pulled in the middle. */
static void who_has_no_init_is_asked_for_by_the_kubelet(void)
{
    static const char lost[] =
            "['/.plr/bin/plr-init','--pod','/.plr','--lease','%s','--containers',"
            "'3','--leased']";
    const struct {
        plr_on_loss on_loss;
        int64_t keep_ns;
        bool keep_on_failure, paused;
        const char *lease, *period, *deadline;
    } cases[] = {
        { PLR_ON_LOSS_TEARDOWN, 0, false, false, "120", "20", "'2020'" },
        { PLR_ON_LOSS_TEARDOWN, 0, true, false, "120", "20", "'87520'" },
        { PLR_ON_LOSS_TEARDOWN, 0, false, true, "900", "20", "'2020'" },
        { PLR_ON_LOSS_KEEP, INT64_C(30000000000), false, false, "30", "5", "'1930'" },
        { PLR_ON_LOSS_KEEP, INT64_C(7200000000000), false, true, "7200", "20", "'9100'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_subject s;
        char expected[200];
        plr_kube_subject_init(&s,
                "{'services':[{" NAMED(
                        "db") "'docker':{'image':'redis:4'}}],"
                              "'steps':[{" NAMED("a") "'docker':{'image':'plugin:1'}},{" NAMED(
                                      "b") "'detach':true," SHELL "}]}");
        s.run.on_loss = cases[i].on_loss;
        s.run.keep_ns = cases[i].keep_ns;
        s.run.keep_on_failure = cases[i].keep_on_failure;
        if (!cases[i].paused)
            plr_kube_subject_image(&s, 1, "{'Entrypoint':['/bin/p']}");
        CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
        json_object *pod = s.objects.pod;
        snprintf(expected, sizeof(expected), lost, cases[i].lease);
        plr_kube_expect(pod, "spec/containers/s0/livenessProbe/exec/command", expected);
        plr_kube_expect(pod, "spec/containers/s2/livenessProbe/exec/command", expected);
        /* One that hears it once may only have been asked by a clock that was set. */
        plr_kube_expect(pod, "spec/containers/s0/livenessProbe/failureThreshold", "3");
        plr_kube_expect(pod, "spec/containers/s1/livenessProbe/exec/command",
                cases[i].paused ? expected : NULL);
        plr_kube_expect(pod, "spec/containers/s0/livenessProbe/periodSeconds", cases[i].period);
        plr_kube_expect(
                pod, "metadata/annotations/pipeline-runtime.io~1deadline", cases[i].deadline);
        plr_kube_expect(pod, "spec/containers/s0/volumeMounts/3",
                "{'name':'plr-results','mountPath':'/.plr/own','subPath':'s0','readOnly':true}");
        plr_kube_subject_clear(&s);
    }
}

static const plr_test tests[] = {
    { "who has no init is asked for by the kubelet", who_has_no_init_is_asked_for_by_the_kubelet },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_lease", tests);
}
