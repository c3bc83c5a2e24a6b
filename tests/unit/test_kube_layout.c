/* SPDX-License-Identifier: MIT */
/* How steps find each other, and which pods they are in: the objects of both layouts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/layout.h"
#include "backends/kubernetes/service.h"
#include "net/jsonc.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_subject.h"

#define SH(script) "'docker':{'image':'alpine','command':['sh','-c'],'args':['" script "']}"
#define NAMED(name) "'metadata':{'name':'" name "'},"

/* The API refuses redis_1 in hostAliases; what it takes stands there for other containers too. */
static void names_that_the_api_does_not_take_are_in_a_file(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'files':[{'metadata':{'name':'f'},'data':'AA'}],"
            "'services':[{" NAMED("redis_1") "'docker':{'image':'redis:4'},'aliases':['db']}],"
                                             "'steps':[{" NAMED("a") SH("x") "},{" NAMED("b")
                                                     SH("x") ",'files':[{'name':'f','path':"
                                                             "'/etc/hosts'}]}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1hosts",
            "'127.0.0.1\\tlocalhost plr-r1\\n::1\\tlocalhost ip6-localhost ip6-loopback\\n"
            "127.0.0.1\\tredis_1 db a b\\n'");
    plr_kube_expect(pod, "spec/hostAliases", "[{'ip':'127.0.0.1','hostnames':['db','a','b']}]");
    plr_kube_expect(pod, "spec/volumes/plr-words/downwardAPI/items/3/path", "'hosts'");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/4",
            "{'name':'plr-words','mountPath':'/etc/hosts','subPath':'hosts'}");
    plr_kube_expect(pod, "spec/containers/s1/volumeMounts/4/mountPath", "'/etc/hosts'");
    plr_kube_expect(pod, "spec/containers/s2/volumeMounts/4/name", "'plr-files-2'");
    plr_kube_expect(pod, "spec/containers/s2/volumeMounts/5", NULL);
    plr_kube_subject_clear(&s);
}

static void a_layout_is_chosen_for_a_reason(void)
{
    static const struct {
        const char *document;
        plr_network_mode network;
        plr_kube_layout asked, got;
        bool reason;
    } cases[] = {
#define TWO(a, b)                                                                                  \
    "{'services':[{" NAMED("b") "'docker':{'image':'i'},'ready':{'tcp':" #a                        \
                                "}},{" NAMED("c") "'docker':{'image':'i'},'ready':{'tcp':" #b      \
                                                  "}}],'steps':[{" NAMED("a") SH("x") "}]}"
#define MANY(n)                                                                                    \
    "{'steps':[{" NAMED("a") SH("x") ",'retry':{'attempts':" n "}},{" NAMED("b") SH("x") "}]}"
        { TWO(1, 2), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_ONE_POD, false },
        { TWO(1, 1), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_POD_PER_STEP, true },
        { TWO(1, 1), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_ONE_POD, PLR_KUBE_LAYOUT_ONE_POD, true },
        { TWO(1, 2), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_POD_PER_STEP, PLR_KUBE_LAYOUT_POD_PER_STEP,
                false },
        { TWO(1, 2), PLR_NETWORK_ISOLATED, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_POD_PER_STEP,
                true },
        /* A step may have the port of a service, and many attempts, as far as there is room. */
        { "{'services':[{" NAMED("b") "'docker':{'image':'i','ports':[{'port':1}]}}],'steps':["
                                      "{" NAMED("a") "'docker':{'image':'i','command':['x'],'ports'"
                                                     ":[{'port':1}]}}]}",
                PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_ONE_POD, false },
        { MANY("100"), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_ONE_POD, false },
        { MANY("1000"), PLR_NETWORK_AUTO, PLR_KUBE_LAYOUT_AUTO, PLR_KUBE_LAYOUT_POD_PER_STEP,
                true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_subject s;
        const char *why;
        plr_kube_subject_init(&s, cases[i].document);
        s.run.network = cases[i].network;
        s.settings.layout = cases[i].asked;
        CU_ASSERT_EQUAL(plr_kube_layout_of(&s.run, &s.settings, &why), cases[i].got);
        CU_ASSERT_EQUAL(why != NULL, cases[i].reason);
        plr_kube_subject_clear(&s);
    }
}

static int make_one(plr_kube_subject *s, size_t task)
{
    plr_kube_objects_clear(&s->objects);
    s->place.layout = PLR_KUBE_LAYOUT_POD_PER_STEP;
    s->place.only = &s->tasks[task];
    return plr_kube_objects_new(&s->objects, &s->run, &s->list[task], 1, &s->place, &s->err);
}

static void a_pod_of_one_attempt_knows_who_is_there_and_has_its_own_secrets_only(void)
{
    static const char *const addresses[] = { "10.0.0.7", NULL, NULL };
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'secrets':[{'metadata':{'name':'t'},'data':'x'}],"
            "'services':[{" NAMED(
                    "redis_1") "'docker':{'image':'r'},'aliases':['db']}],"
                               "'steps':[{" NAMED("a") SH(
                                       "x") ",'retry':{'attempts':3},"
                                            "'resources':{'requests':{'memory':64}}},{" NAMED("b")
                                                    SH("y") ",'secrets':[{'name':'t','env':'T'}]}]"
                                                            "}");
    s.place.addresses = addresses;
    s.place.words = "go 0 2\n";
    s.tasks[1].attempt = 2;
    CU_ASSERT_EQUAL(make_one(&s, 1), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "metadata/name", "'plr-r1-s1-2'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1plan",
            "'plan 1 graph\\nstep always 3 h\\n'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1words", "'go 0 2\\n'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1hosts",
            "'127.0.0.1\\tlocalhost plr-r1-s1-2\\n::1\\tlocalhost ip6-localhost "
            "ip6-loopback\\n10.0.0.7\\tredis_1 db\\n127.0.0.1\\ta\\n'");
    plr_kube_expect(pod, "spec/hostAliases",
            "[{'ip':'10.0.0.7','hostnames':['db']},{'ip':'127.0.0.1','hostnames':['a']}]");
    plr_kube_expect(pod, "spec/containers/1", NULL);
    plr_kube_expect(pod, "spec/containers/s1-2/command/4", "'0'");
    plr_kube_expect(pod, "spec/containers/s1-2/command/6", "'2'");
    plr_kube_expect(pod, "spec/containers/s1-2/resources/requests/memory", "'64'");
    plr_kube_expect(pod, "spec/affinity", NULL);
    CU_ASSERT_PTR_NULL(s.objects.run_secret);
    CU_ASSERT_EQUAL(make_one(&s, 2), 0);
    plr_kube_expect(s.objects.run_secret, "metadata/name", "'plr-r1-s2'");
    plr_kube_expect(
            s.objects.pod, "spec/containers/s2/env/T/valueFrom/secretKeyRef/name", "'plr-r1-s2'");
    plr_kube_subject_clear(&s);
}

static void volumes_that_pods_share_are_claims_on_one_node(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'volumes':[{'metadata':{'name':'both'},'temp':{'size_limit':4096}},"
            "{'metadata':{'name':'mine'},'temp':{}},{'metadata':{'name':'more'},'temp':{}}],'steps'"
            ":["
            "{" NAMED("a")
                    SH("x") ",'volumes':[{'name':'both','path':'/b'},"
                            "{'name':'mine','path':'/m'},{'name':'more','path':'/n'}]},"
                            "{" NAMED("b") "'docker':{'image':'i','command':['x'],'user':'1000'},"
                                           "'volumes':[{'name':'both','path':'/"
                                           "b'},{'name':'more','path':'/n'}]}]}");
    s.settings.storage_class = (char *)"fast";
    s.place.with_claims = true;
    CU_ASSERT_EQUAL(make_one(&s, 0), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/volumes/plr-v0/persistentVolumeClaim", "{'claimName':'plr-r1-v0'}");
    plr_kube_expect(pod, "spec/volumes/plr-v1/emptyDir", "{}");
    plr_kube_expect(pod, "spec/securityContext/fsGroup", "1000");
    plr_kube_expect(pod,
            "spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/"
            "labelSelector/matchLabels/pipeline-runtime.io~1run",
            "'r1'");
    plr_kube_expect(s.objects.claims, "0/metadata/name", "'plr-r1-v0'");
    plr_kube_expect(s.objects.claims, "0/spec",
            "{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'4096'}},"
            "'storageClassName':'fast'}");
    plr_kube_expect(s.objects.claims, "1/metadata/name", "'plr-r1-v2'");
    plr_kube_expect(s.objects.claims, "1/spec/resources/requests/storage", "'1Gi'");
    plr_kube_expect(s.objects.claims, "2", NULL);
    s.place.node = "n1";
    s.place.with_claims = false;
    CU_ASSERT_EQUAL(make_one(&s, 1), 0);
    plr_kube_expect(s.objects.pod,
            "spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/"
            "nodeSelectorTerms/0/matchFields/0",
            "{'key':'metadata.name','operator':'In','values':['n1']}");
    CU_ASSERT_PTR_NULL(s.objects.claims);
    plr_kube_subject_clear(&s);
}

static void pods_that_live_together_find_each_other_by_a_service(void)
{
    static const char *const addresses[] = { NULL, "10.0.0.7", NULL };
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'services':[{" NAMED("db") "'docker':{'image':'i'},'aliases':['Store']},"
                                         "{" NAMED("redis_1") "'docker':{'image':'i'}}],'steps':"
                                                              "[{" NAMED("a") SH("x") "}]}");
    s.settings.cluster_domain = (char *)"example.net";
    s.place.namespace_name = "space";
    s.place.addresses = addresses;
    CU_ASSERT_EQUAL(make_one(&s, 0), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/hostname", "'db'");
    plr_kube_expect(pod, "spec/subdomain", "'plr-r1'");
    plr_kube_expect(pod, "metadata/labels/pipeline-runtime.io~1lives", "'true'");
    plr_kube_expect(pod, "spec/dnsPolicy", "'ClusterFirst'");
    plr_kube_expect(pod, "spec/dnsConfig", "{'searches':['plr-r1.space.svc.example.net']}");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1hosts",
            "'127.0.0.1\tlocalhost db\n::1\tlocalhost ip6-localhost ip6-loopback\n"
            "127.0.0.1\tdb Store\n10.0.0.7\tredis_1\n'");
    /* Not found itself, it finds the others. */
    CU_ASSERT_EQUAL(make_one(&s, 1), 0);
    pod = s.objects.pod;
    plr_kube_expect(pod, "spec/hostname", NULL);
    plr_kube_expect(pod, "spec/subdomain", NULL);
    plr_kube_expect(pod, "spec/dnsConfig/searches/0", "'plr-r1.space.svc.example.net'");
    json_object *service = plr_kube_service(&s.run, &s.place);
    plr_kube_expect(service, "metadata/name", "'plr-r1'");
    plr_kube_expect(service, "metadata/namespace", "'space'");
    plr_kube_expect(service, "metadata/labels/pipeline-runtime.io~1run", "'r1'");
    plr_kube_expect(service, "spec",
            "{'clusterIP':'None','publishNotReadyAddresses':true,"
            "'selector':{'pipeline-runtime.io/run':'r1','pipeline-runtime.io/lives':'true'}}");
    json_object_put(service);
    plr_kube_subject_clear(&s);
}

static void name_servers_of_a_step_are_asked_for_their_own_names_only(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'steps':[{" NAMED("a") "'docker':{'image':'i','command':['x'],"
                                     "'dns_search':['b.c','d']}},"
                                     "{" NAMED("b") "'docker':{'image':'i','command'"
                                                    ":['x'],'dns':['9.9.9.9'],'dns_search':['e']},'"
                                                    "depends_on':['a']}]"
                                                    "}");
    s.settings.cluster_domain = (char *)"example.net";
    s.place.namespace_name = "space";
    CU_ASSERT_EQUAL(make_one(&s, 0), 0);
    plr_kube_expect(s.objects.pod, "spec/dnsConfig",
            "{'searches':['plr-r1.space.svc.example.net','b.c','d']}");
    CU_ASSERT_EQUAL(make_one(&s, 1), 0);
    plr_kube_expect(s.objects.pod, "spec/dnsPolicy", "'None'");
    plr_kube_expect(
            s.objects.pod, "spec/dnsConfig", "{'nameservers':['9.9.9.9'],'searches':['e']}");
    plr_kube_expect(s.objects.pod, "spec/hostname", "'b'");
    plr_kube_subject_clear(&s);
}

static void a_service_is_where_somebody_may_look_for_another(void)
{
#define STEP(name, more) "{" NAMED(name) SH("x") more "}"
    static const struct {
        const char *document;
        plr_kube_layout layout;
        const char *domain;
        bool has;
    } cases[] = {
        { "{'steps':[" STEP("a", "") "," STEP("b", "") "," STEP("c", ",'depends_on':['a']") "]}",
                PLR_KUBE_LAYOUT_POD_PER_STEP, "c.l", true },
        { "{'steps':[" STEP("a", "") "," STEP("b", "") "," STEP("c", ",'depends_on':['a']") "]}",
                PLR_KUBE_LAYOUT_ONE_POD, "c.l", false },
        { "{'steps':[" STEP("a", "") "," STEP("b", "") "," STEP("c", ",'depends_on':['a']") "]}",
                PLR_KUBE_LAYOUT_POD_PER_STEP, NULL, false },
        { "{'steps':[" STEP("a b", "") "," STEP("A", ",'depends_on':['a b']") "]}",
                PLR_KUBE_LAYOUT_POD_PER_STEP, "c.l", false },
        { "{'steps':[" STEP("a", "") "," STEP("b", "") "]}", PLR_KUBE_LAYOUT_POD_PER_STEP, "c.l",
                false },
        { "{'steps':[" STEP("a", ",'detach':true") "," STEP("b", "") "]}",
                PLR_KUBE_LAYOUT_POD_PER_STEP, "c.l", true },
        { "{'steps':[" STEP("a", ",'detach':true") "]}", PLR_KUBE_LAYOUT_POD_PER_STEP, "c.l",
                false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_subject s;
        plr_kube_subject_init(&s, cases[i].document);
        s.settings.cluster_domain = (char *)cases[i].domain;
        s.place.layout = cases[i].layout;
        CU_ASSERT_EQUAL(plr_kube_has_service(&s.run, &s.place), cases[i].has);
        plr_kube_subject_clear(&s);
    }
}

static void the_domain_of_the_cluster_is_a_domain_or_none(void)
{
    static const struct {
        const char *value, *domain;
        int result;
    } cases[] = {
        { NULL, "cluster.local", 0 },
        { "k8s.example", "k8s.example", 0 },
        { "none", NULL, 0 },
        { "Cluster.local", NULL, PLR_ERR_USAGE },
        { "a..b", NULL, PLR_ERR_USAGE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_settings settings = { 0 };
        plr_option option = { .name = "kube-cluster-domain", .value = cases[i].value };
        CU_ASSERT_EQUAL(plr_kube_settings_read(&settings, &option, cases[i].value != NULL, NULL),
                cases[i].result);
        CU_ASSERT_TRUE((settings.cluster_domain == NULL) == (cases[i].domain == NULL));
        if (settings.cluster_domain != NULL && cases[i].domain != NULL)
            CU_ASSERT_STRING_EQUAL(settings.cluster_domain, cases[i].domain);
        plr_kube_settings_clear(&settings);
    }
}

static const plr_test tests[] = {
    { "a layout is chosen for a reason", a_layout_is_chosen_for_a_reason },
    { "a pod of one attempt knows who is there, and has its own secrets only",
            a_pod_of_one_attempt_knows_who_is_there_and_has_its_own_secrets_only },
    { "volumes that pods share are claims on one node",
            volumes_that_pods_share_are_claims_on_one_node },
    { "pods that live together find each other by a Service",
            pods_that_live_together_find_each_other_by_a_service },
    { "name servers of a step are asked for their own names only",
            name_servers_of_a_step_are_asked_for_their_own_names_only },
    { "a Service is where somebody may look for another",
            a_service_is_where_somebody_may_look_for_another },
    { "the domain of the cluster is a domain, or none",
            the_domain_of_the_cluster_is_a_domain_or_none },
    { "names that the API does not take are in a file",
            names_that_the_api_does_not_take_are_in_a_file },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_layout", tests);
}
