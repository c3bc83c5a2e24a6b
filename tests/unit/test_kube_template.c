/* SPDX-License-Identifier: MIT */
/* A template laid over a pod, and what a template may not say. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/template.h"
#include "net/jsonc.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_subject.h"

static const char document[] =
        "{'volumes':[{'metadata':{'name':'cache'},'temp':{'size_limit':5}},"
        "{'metadata':{'name':'other'},'temp':{}}],"
        "'steps':[{'metadata':{'name':'build'},'retry':{'attempts':2},'environment':{'A':'1'},"
        "'docker':{'image':'i:1','command':['x'],'user':'7'},"
        "'volumes':[{'name':'cache','path':'/cache'},{'name':'other','path':'/o'}]},"
        "{'metadata':{'name':'test it'},'docker':{'image':'i:1','command':['x'],"
        "'ports':[{'port':80}]}}]}";

static int make(plr_kube_subject *s, const char *yaml)
{
    plr_error err = { 0 };
    plr_kube_subject_init(s, document);
    CU_ASSERT_EQUAL(
            plr_kube_template_parse(&s->place.pod_template, "t.yaml", yaml, strlen(yaml), &err), 0);
    if (s->place.pod_template == NULL)
        printf("%s\n", err.message);
    return plr_kube_subject_make(s);
}

static void maps_are_merged_and_lists_by_their_keys(void)
{
    plr_kube_subject s;
    CU_ASSERT_EQUAL(make(&s, "apiVersion: v1\n"
                             "kind: Pod\n"
                             "metadata:\n"
                             "  labels: {team: a}\n"
                             "  annotations: {b: c}\n"
                             "spec:\n"
                             "  runtimeClassName: kata\n"
                             "  enableServiceLinks: null\n"
                             "  nodeSelector: {disk: ssd}\n"
                             "  tolerations:\n"
                             "    - {key: ci, operator: Exists}\n"
                             "  imagePullSecrets:\n"
                             "    - name: hub\n"
                             "  containers:\n"
                             "    - name: build\n"
                             "      env:\n"
                             "        - {name: A, value: '2'}\n"
                             "        - {name: B, value: b}\n"
                             "      securityContext: {readOnlyRootFilesystem: true}\n"
                             "      volumeMounts:\n"
                             "        - {name: cache, mountPath: /more}\n"
                             "    - name: '*'\n"
                             "      ports: [{containerPort: 80, name: web}]\n"
                             "      resources: {limits: {cpu: '2'}}\n"),
            0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "metadata/labels/team", "'a'");
    plr_kube_expect(pod, "metadata/labels/pipeline-runtime.io~1run", "'r1'");
    plr_kube_expect(pod, "metadata/annotations/b", "'c'");
    plr_kube_expect(pod, "spec/runtimeClassName", "'kata'");
    plr_kube_expect(pod, "spec/enableServiceLinks", NULL);
    plr_kube_expect(pod, "spec/nodeSelector/disk", "'ssd'");
    plr_kube_expect(pod, "spec/nodeSelector/kubernetes.io~1os", "'linux'");
    plr_kube_expect(pod, "spec/tolerations", "[{'key':'ci','operator':'Exists'}]");
    plr_kube_expect(pod, "spec/imagePullSecrets", "[{'name':'hub'}]");
    /* Each attempt of the step. */
    plr_kube_expect(
            pod, "spec/containers/s0/env", "[{'name':'A','value':'2'},{'name':'B','value':'b'}]");
    plr_kube_expect(pod, "spec/containers/s0-2/env/B/value", "'b'");
    plr_kube_expect(pod, "spec/containers/s0/securityContext",
            "{'runAsUser':7,'readOnlyRootFilesystem':true}");
    plr_kube_expect(pod, "spec/containers/s1/env", NULL);
    plr_kube_expect(pod, "spec/containers/s1/ports",
            "[{'containerPort':80,'protocol':'TCP','name':'web'}]");
    plr_kube_expect(pod, "spec/containers/s1/resources/limits", "{'cpu':'2'}");
    plr_kube_expect(
            pod, "spec/containers/s0/volumeMounts/6", "{'name':'plr-v0','mountPath':'/more'}");
    plr_kube_subject_clear(&s);
}

static void a_volume_of_the_document_gets_another_source(void)
{
    plr_kube_subject s;
    CU_ASSERT_EQUAL(make(&s, "spec:\n"
                             "  volumes:\n"
                             "    - {name: cache, persistentVolumeClaim: {claimName: c}}\n"
                             "    - {name: other, emptyDir: {sizeLimit: 1Gi}}\n"
                             "    - {name: mine, configMap: {name: m}}\n"),
            0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/volumes/plr-v0",
            "{'name':'plr-v0','persistentVolumeClaim':{'claimName':'c'}}");
    plr_kube_expect(pod, "spec/volumes/plr-v1/emptyDir", "{'sizeLimit':'1Gi'}");
    plr_kube_expect(pod, "spec/volumes/mine/configMap", "{'name':'m'}");
    plr_kube_expect(pod, "spec/volumes/cache", NULL);
    plr_kube_subject_clear(&s);
}

static void patches_delete_and_replace(void)
{
    plr_kube_subject s;
    CU_ASSERT_EQUAL(make(&s, "spec:\n"
                             "  nodeSelector: {$patch: replace, a: b}\n"
                             "  hostAliases:\n"
                             "    - {ip: 127.0.0.1, $patch: delete}\n"
                             "  containers:\n"
                             "    - name: build\n"
                             "      env:\n"
                             "        - {$patch: replace}\n"
                             "        - {name: Z, value: z}\n"),
            0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/nodeSelector", "{'a':'b'}");
    plr_kube_expect(pod, "spec/hostAliases", "[]");
    plr_kube_expect(pod, "spec/containers/s0/env", "[{'name':'Z','value':'z'}]");
    plr_kube_subject_clear(&s);
}

static void the_node_of_a_template_has_a_plr_init_too(void)
{
    plr_kube_subject s;
    CU_ASSERT_EQUAL(make(&s, "spec: {nodeSelector: {kubernetes.io/arch: arm64}}"), 0);
    CU_ASSERT_STRING_EQUAL(plr_kube_architecture(&s.run, &s.place), "arm64");
    plr_kube_subject_clear(&s);
    CU_ASSERT_EQUAL(
            make(&s, "spec: {nodeSelector: {kubernetes.io/arch: s390x}}"), PLR_ERR_CONFIGURATION);
    plr_kube_subject_clear(&s);
}

static void what_does_not_fit_the_pod_is_refused(void)
{
    plr_kube_subject s;
    CU_ASSERT_EQUAL(make(&s, "spec: {containers: [{name: biuld}]}"), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "biuld"));
    plr_kube_subject_clear(&s);
    CU_ASSERT_EQUAL(make(&s, "spec: {nodeSelector: [a]}"), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "nodeSelector"));
    plr_kube_subject_clear(&s);
    CU_ASSERT_EQUAL(
            make(&s, "spec: {containers: [{name: build, env: {A: b}}]}"), PLR_ERR_CONFIGURATION);
    plr_kube_subject_clear(&s);
}

static void what_is_ours_to_say_is_refused_with_its_line(void)
{
    static const struct {
        const char *yaml, *where;
    } cases[] = {
        { "spec:\n  restartPolicy: Always\n", "t.yaml:2:3: " },
        { "spec:\n  hostNetwork: true\n", "t.yaml:2:3: " },
        { "spec:\n  containers:\n    - name: build\n      image: x\n", "t.yaml:4:7: " },
        { "spec:\n  containers:\n    - image: x\n", "t.yaml:3:7: " },
        { "spec:\n  containers: build\n", "t.yaml:2:3: " },
        { "spec:\n  containers:\n  - {name: a, volumeMounts: [{mountPath: /.plr/own, name: x}]}\n",
                "t.yaml:3:31: " },
        { "spec:\n  initContainers:\n  - {name: a, volumeMounts: [{mountPath: /.plr, name: x}]}\n",
                "t.yaml:3:31: " },
        { "spec:\n  volumes: [{name: plr-v0}]\n", "t.yaml:2:14: " },
        { "metadata: {name: x}\n", "t.yaml:1:12: " },
        { "metadata: {labels: {pipeline-runtime.io/run: x}}\n", "t.yaml:1:21: " },
        { "metadata: {labels: {a: 1}}\n", "t.yaml:1:21: " },
        { "kind: Deployment\n", "t.yaml:1:1: " },
        { "template: {}\n", "t.yaml:1:1: " },
        { "- a\n", "t.yaml:1:1: " },
        { "spec: x\n", "t.yaml:1:1: " },
        { "spec: {a: *b}\n", "t.yaml:1:" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_error err = { 0 };
        json_object *found = NULL;
        const char *yaml = cases[i].yaml;
        CU_ASSERT_EQUAL(plr_kube_template_parse(&found, "t.yaml", yaml, strlen(yaml), &err),
                PLR_ERR_CONFIGURATION);
        bool there = strncmp(err.message, cases[i].where, strlen(cases[i].where)) == 0;
        CU_ASSERT_TRUE(there);
        if (!there)
            printf("%s  -> %s\n", yaml, err.message);
        json_object_put(found);
    }
}

static const plr_test tests[] = {
    { "maps are merged, and lists by their keys", maps_are_merged_and_lists_by_their_keys },
    { "a volume of the document gets another source",
            a_volume_of_the_document_gets_another_source },
    { "patches delete and replace", patches_delete_and_replace },
    { "the node of a template has a plr-init, too", the_node_of_a_template_has_a_plr_init_too },
    { "what does not fit the pod is refused", what_does_not_fit_the_pod_is_refused },
    { "what is ours to say is refused with its line",
            what_is_ours_to_say_is_refused_with_its_line },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_template", tests);
}
