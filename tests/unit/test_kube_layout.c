/* SPDX-License-Identifier: MIT */
/* How steps find each other, and which pods they are in: the objects of both layouts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    plr_kube_expect(pod, "spec/volumes/plr-words/downwardAPI/items/2/path", "'hosts'");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/1",
            "{'name':'plr-words','mountPath':'/etc/hosts','subPath':'hosts'}");
    plr_kube_expect(pod, "spec/containers/s1/volumeMounts/4/mountPath", "'/etc/hosts'");
    plr_kube_expect(pod, "spec/containers/s2/volumeMounts/4/name", "'plr-files-2'");
    plr_kube_expect(pod, "spec/containers/s2/volumeMounts/5", NULL);
    plr_kube_subject_clear(&s);
}

static const plr_test tests[] = {
    { "names that the API does not take are in a file",
            names_that_the_api_does_not_take_are_in_a_file },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_layout", tests);
}
