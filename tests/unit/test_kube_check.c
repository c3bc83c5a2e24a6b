/* SPDX-License-Identifier: MIT */
/* What Kubernetes cannot do in a document, as the check says it. */
#include <stdio.h>
#include <string.h>

#include "backends/kubernetes/check.h"
#include "backends/kubernetes/layout.h"
#include "engine/base/buf.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_subject.h"

static void note(plr_op *op, const plr_diagnostic *diagnostic)
{
    plr_buf_printf((plr_buf *)op, "%s%s %s\n",
            diagnostic->severity == PLR_SEVERITY_WARNING ? "warning " : "", diagnostic->code,
            diagnostic->pointer);
}

static void check(plr_kube_subject *s, const char *what, const char *found)
{
    static const plr_host host = { .op_diagnostic = note };
    _cleanup_buf_ plr_buf out = { 0 };
    CU_ASSERT_EQUAL(plr_kube_check(&host, &s->run, &s->place, (plr_op *)&out, NULL), 0);
    const char *text = out.data == NULL ? "" : out.data;
    CU_ASSERT_STRING_EQUAL(text, found);
    if (strcmp(text, found) != 0)
        printf("%s\n%s", what, text);
}

#define STEP_OF(members) "{'metadata':{'name':'a'}," members "}"
#define IMAGE(members) "'docker':{'image':'i:1','command':['x']" members "}"
#define STEPS(members) "{'steps':[" STEP_OF(members) "]}"
#define WITH_VOLUMES(members)                                                                      \
    "{'volumes':[{'metadata':{'name':'t'},'temp':{}},"                                             \
    "{'metadata':{'name':'d'},'host':{'path':'/dev/kvm'}}],"                                       \
    "'files':[{'metadata':{'name':'f'},'data':'AA'}],"                                             \
    "'steps':[" STEP_OF(members) "]}"
#define SERVICE(name, members) "{'metadata':{'name':'" name "'}," members "}"
#define SERVICES(list) "{'services':[" list "],'steps':[" STEP_OF(IMAGE("")) "]}"

static const struct {
    const char *document, *found;
} cases[] = {
    { STEPS(IMAGE("")), "" },
    { STEPS("'docker':{'command':['x']}"), "no-image /steps/0/docker\n" },
    { STEPS("'docker':{'image':'A B'}"), "bad-image /steps/0/docker/image\n" },
    { STEPS(IMAGE(",'user':'1000:1000'")), "" },
    { STEPS(IMAGE(",'user':'root'")), "" },
    { STEPS(IMAGE(",'user':'nobody'")), "user /steps/0/docker/user\n" },
    { STEPS(IMAGE(",'user':'1:'")), "user /steps/0/docker/user\n" },
    { STEPS(IMAGE(",'user':'4294967295'")), "user /steps/0/docker/user\n" },
    { STEPS(IMAGE("") ",'environment':{'a b':'c'}"), "bad-variable /steps/0/environment\n" },
    { STEPS(IMAGE("") ",'environment':{'1a':'c'}"), "bad-variable /steps/0/environment\n" },
    { STEPS(IMAGE("") ",'environment':{'_.-a1':'c'}"), "" },
    { STEPS(IMAGE("") ",'resources':{'requests':{'cpu':2,'memory':8},'limits':{'cpu':1,'memory':"
                      "4,'pids':9}}"),
            "resources /steps/0/resources/requests/cpu\n"
            "resources /steps/0/resources/requests/memory\n"
            "warning pids-limit /steps/0/resources/limits/pids\n" },
    { STEPS(IMAGE("") ",'network':'none'"), "network /steps/0/network\n" },
    { STEPS(IMAGE(",'networks':['n']")), "network /steps/0/docker/networks\n" },
    { STEPS(IMAGE(",'extra_hosts':['a:1.2.3.4','b:::1']")), "" },
    { STEPS(IMAGE(",'extra_hosts':['a:host-gateway']")),
            "bad-host-name /steps/0/docker/extra_hosts/0\n" },
    { STEPS(IMAGE("") ",'aliases':['a_b']"), "" },
    { STEPS(IMAGE("") ",'aliases':['a#b']"), "bad-host-name /steps/0/aliases/0\n" },
    { WITH_VOLUMES(IMAGE("") ",'volumes':[{'name':'t','path':'/.plr/own'}]"),
            "bad-mount /steps/0/volumes/0/path\n" },
    { WITH_VOLUMES(IMAGE("") ",'volumes':[{'name':'t','path':'/.plrx'}]"), "" },
    { WITH_VOLUMES(IMAGE("") ",'volumes':[{'name':'t','path':'/a:b'}]"),
            "bad-mount /steps/0/volumes/0/path\n" },
    { WITH_VOLUMES(IMAGE(",'shm_size':1") ",'volumes':[{'name':'t','path':'/dev/shm'}]"),
            "duplicate-mount /steps/0/volumes/0/path\n" },
    { WITH_VOLUMES(IMAGE("") ",'files':[{'name':'f','path':'/proc/x'},{'name':'f','path':'/a',"
                             "'mode':511}]"),
            "bad-mount /steps/0/files/0/path\n" },
    { WITH_VOLUMES(IMAGE("") ",'devices':[{'name':'d','path':'/dev/kvm'}]"),
            "device /steps/0/devices/0/path\n" },
    { WITH_VOLUMES(IMAGE(",'privileged':true") ",'devices':[{'name':'d','path':'/dev/kvm'}]"), "" },
    { STEPS(IMAGE(",'ports':[{'port':53,'host':53},{'port':53,'host':53,'protocol':'udp'}]")), "" },
    { SERVICES(SERVICE("redis_1", IMAGE(""))), "" },
    { SERVICES(SERVICE("the database", IMAGE(""))), "" },
    { SERVICES(SERVICE("b", IMAGE(",'ports':[{'port':80}]")) "," SERVICE(
              "c", IMAGE("") ",'ready':{'http':':80/'}")),
            "" },
    { SERVICES(SERVICE("b", IMAGE(",'ports':[{'port':80,'protocol':'udp'}]")) "," SERVICE(
              "c", IMAGE("") ",'ready':{'tcp':80}")),
            "" },
    { SERVICES(SERVICE("b", IMAGE(",'ports':[{'port':80,'host':1}]")) "," SERVICE(
              "c", IMAGE(",'ports':[{'port':81,'host':1}]"))),
            "port-clash /services/1/docker/ports/0/host\n" },
    { SERVICES(SERVICE("b", IMAGE(",'dns':['1.1.1.1']")) "," SERVICE(
              "c", IMAGE(",'dns':['1.1.1.2']"))),
            "dns /services/1/docker\n" },
    { SERVICES(SERVICE("b", IMAGE("") ",'ready':{'tcp':1,'http':':2/','exec':['x']}")),
            "ready /services/0/ready\n" },
    { SERVICES(SERVICE("b", IMAGE("") ",'ready':{'tcp':2,'http':':2/','exec':['x']}")), "" },
    { "{'platform':{'os':'windows','arch':'s390x'},'steps':[" STEP_OF(IMAGE("")) "]}",
            "platform /platform/os\nplatform /platform/arch\n" },
    { STEPS("'docker':{'image':'i:1','args':['-V']}"), "objects \n" },
};

static void documents_are_refused_where_they_must_be(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        plr_kube_subject s;
        plr_kube_subject_init(&s, cases[i].document);
        check(&s, cases[i].document, cases[i].found);
        plr_kube_subject_clear(&s);
    }
}

static void a_pod_has_no_more_containers_than_a_node_starts(void)
{
    plr_kube_subject s;
    _cleanup_buf_ plr_buf document = { 0 };
    plr_buf_puts(&document, "{'steps':[");
    for (unsigned i = 0; i < 101; i++)
        plr_buf_printf(&document,
                "%s{'metadata':{'name':'s%u'},'retry':{'attempts':10}," IMAGE("") "}",
                i == 0 ? "" : ",", i);
    plr_buf_puts(&document, "]}");
    plr_kube_subject_init(&s, document.data);
    check(&s, "each has a pod", "");
    s.settings.layout = PLR_KUBE_LAYOUT_ONE_POD;
    check(&s, "too many", "too-large \n");
    plr_kube_subject_clear(&s);
}

static plr_kube_layout read_large(plr_kube_subject *s, const char *text, size_t times)
{
    const char *why;
    _cleanup_buf_ plr_buf document = { 0 };
    plr_buf_puts(&document, "{'steps':[");
    for (unsigned i = 0; i < 50; i++) {
        plr_buf_printf(&document,
                "%s{'metadata':{'name':'s%u'},'retry':{'attempts':2},"
                "'docker':{'image':'i:1','command':['x'],'args':['",
                i == 0 ? "" : ",", i);
        for (size_t k = 0; k < times; k++)
            plr_buf_puts(&document, text);
        plr_buf_puts(&document, "']}}");
    }
    plr_buf_puts(&document, "]}");
    plr_kube_subject_init(s, document.data);
    return plr_kube_layout_of(&s->run, &s->settings, &why);
}

/* The layout is chosen by an estimate: what it finds good for one pod must fit into one. */
static void a_pod_has_no_more_text_than_the_api_keeps(void)
{
    static const char *const texts[] = { "x", "$(x)", "\\'", "\\u0001", "\xc3\xa4", "/" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        plr_kube_layout layout = PLR_KUBE_LAYOUT_ONE_POD;
        for (size_t times = 1500; layout == PLR_KUBE_LAYOUT_ONE_POD; times += times / 8) {
            plr_kube_subject s;
            layout = read_large(&s, texts[i], times);
            check(&s, texts[i], "");
            s.settings.layout = PLR_KUBE_LAYOUT_ONE_POD;
            if (layout != PLR_KUBE_LAYOUT_ONE_POD && strcmp(texts[i], "x") == 0)
                check(&s, "too large", "objects \n");
            plr_kube_subject_clear(&s);
            CU_ASSERT_FATAL(times < 100000);
        }
    }
}

static void runs_are_refused_where_they_must_be(void)
{
    static const plr_pair bad = { "a=b", "c" };
    plr_kube_subject s;
    plr_kube_subject_init(&s, STEPS(IMAGE("")));
    s.run.network = PLR_NETWORK_ISOLATED;
    check(&s, "isolated", "");
    s.settings.layout = PLR_KUBE_LAYOUT_ONE_POD;
    check(&s, "isolated in one pod", "network \n");
    s.run.network = PLR_NETWORK_SHARED;
    s.settings.layout = PLR_KUBE_LAYOUT_POD_PER_STEP;
    check(&s, "shared by pods", "network \n");
    s.settings.layout = PLR_KUBE_LAYOUT_AUTO;
    s.run.id = "r-";
    check(&s, "id", "run-id \n");
    s.run.id = "r";
    s.run.host_environment = &bad;
    s.run.n_host_environment = 1;
    check(&s, "environment", "bad-variable \n");
    s.run.n_host_environment = 0;
    s.place.pod_template = json_tokener_parse("{\"spec\":{\"containers\":[{\"name\":\"b\"}]}}");
    check(&s, "template", "objects \n");
    plr_kube_subject_clear(&s);
}

static void what_one_pod_cannot_do_and_what_several_cannot(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(
            &s, SERVICES(SERVICE("b", IMAGE(",'ports':[{'port':80}]")) "," SERVICE(
                        "c", IMAGE(",'dns':['1.1.1.1']") ",'ready':{'http':':80/'}")));
    check(&s, "each has a pod", "");
    s.settings.layout = PLR_KUBE_LAYOUT_ONE_POD;
    check(&s, "one port", "port-clash /services/1/ready\n");
    plr_kube_subject_clear(&s);
    plr_kube_subject_init(&s,
            "{'volumes':[{'metadata':{'name':'m'},'temp':{'medium':'memory'}}],'steps':["
            "{'metadata':{'name':'a'}," IMAGE(
                    "") ",'volumes':[{'name':'m','path':'/m'}]},"
                        "{'metadata':{'name':'b'}," IMAGE(
                                "") ",'volumes':[{'name':'m','path':'/m'}]}]}");
    check(&s, "memory in one pod", "");
    s.settings.layout = PLR_KUBE_LAYOUT_POD_PER_STEP;
    check(&s, "memory",
            "shared-memory /steps/0/volumes/0/path\nshared-memory "
            "/steps/1/volumes/0/path\n");
    s.place.pod_template = json_tokener_parse(
            "{\"spec\":{\"volumes\":[{\"name\":\"m\",\"nfs\":{\"server\":\"s\"}}]}}");
    check(&s, "not ours", "");
    plr_kube_subject_clear(&s);
}

/* The node's /etc/hosts is not ours to replace. */
static void names_that_are_none_of_dns_need_a_network_of_their_own(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s, SERVICES(SERVICE("redis_1", IMAGE(""))));
    s.run.network = PLR_NETWORK_HOST;
    check(&s, "redis_1", "bad-host-name /services/0\n");
    plr_kube_subject_clear(&s);
}

static void a_plan_shows_no_secret(void)
{
    plr_kube_subject s;
    plr_error err = { 0 };
    _cleanup_free_ char *text = NULL;
    plr_kube_subject_init(&s,
            "{'secrets':[{'metadata':{'name':'s'},'data':'hunter2'}],"
            "'docker':{'auths':[{'address':'r.io','username':'u','password':'p'}]},"
            "'steps':[" STEP_OF(IMAGE("") ",'secrets':[{'name':'s','env':'S'}]") "]}");
    CU_ASSERT_EQUAL(plr_kube_plan_text(&text, &s.run, s.list, 1, &s.place, &err), 0);
    const char *wanted[] = { "kind: Pod\n", "kind: Secret\n", "  secret-0-0: \"<hidden>\"\n",
        "  \".dockerconfigjson\": \"{\\\"auths\\\":{}}\"\n" };
    for (size_t i = 0; text != NULL && i < sizeof(wanted) / sizeof(wanted[0]); i++)
        CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted[i]));
    CU_ASSERT_TRUE(text != NULL && strstr(text, "hunter2") == NULL);
    CU_ASSERT_TRUE(text != NULL && strstr(text, "aHVudGVyMg==") == NULL);
    plr_kube_subject_clear(&s);
}

static const plr_test tests[] = {
    { "documents are refused where they must be", documents_are_refused_where_they_must_be },
    { "a pod has no more containers than a node starts",
            a_pod_has_no_more_containers_than_a_node_starts },
    { "a pod has no more text than the API keeps", a_pod_has_no_more_text_than_the_api_keeps },
    { "runs are refused where they must be", runs_are_refused_where_they_must_be },
    { "names that are none of DNS need a network of their own",
            names_that_are_none_of_dns_need_a_network_of_their_own },
    { "what one pod cannot do, and what several cannot",
            what_one_pod_cannot_do_and_what_several_cannot },
    { "a plan shows no secret", a_plan_shows_no_secret },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_check", tests);
}
