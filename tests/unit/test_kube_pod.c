/* SPDX-License-Identifier: MIT */
/* What a document becomes in a cluster: compared with the JSON that the API should get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/kubernetes/names.h"
#include "backends/kubernetes/pod.h"
#include "backends/kubernetes/registries.h"
#include "backends/kubernetes/resources.h"
#include "backends/kubernetes/secret.h"
#include "net/jsonc.h"
#include "tests/unit/harness.h"
#include "tests/unit/kube_subject.h"

#define SH(script) "'docker':{'image':'alpine','command':['sh','-c'],'args':['" script "']}"
#define SHELL "'docker':{'image':'i:1','command':['x']}"
#define NAMED(name) "'metadata':{'name':'" name "'},"

static void containers_of_ours_have_names_that_read_back(void)
{
    char name[PLR_KUBE_NAME_SIZE];
    size_t task = 9;
    unsigned attempt = 9;
    static const char *const others[] = { "s", "s1-1", "s01", "s1-", "s1-2x", "sidecar", "s-1",
        "S1", "s1 " };
    plr_kube_container_name(name, 12, 3);
    CU_ASSERT_STRING_EQUAL(name, "s12-3");
    CU_ASSERT_TRUE(plr_kube_container_parse(name, &task, &attempt));
    CU_ASSERT_TRUE(task == 12 && attempt == 3);
    plr_kube_container_name(name, 0, 1);
    CU_ASSERT_STRING_EQUAL(name, "s0");
    CU_ASSERT_TRUE(plr_kube_container_parse(name, &task, &attempt));
    CU_ASSERT_TRUE(task == 0 && attempt == 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CU_ASSERT_FALSE(plr_kube_container_parse(others[i], &task, &attempt));
}

static void names_that_resolve_are_those_of_dns(void)
{
    CU_ASSERT_TRUE(plr_kube_is_dns_name("redis"));
    CU_ASSERT_TRUE(plr_kube_is_dns_name("a-1.b2"));
    CU_ASSERT_TRUE(plr_kube_is_dns_name("1a"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("redis_1"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("Redis"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("-a"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("a-.b"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("a..b"));
    CU_ASSERT_FALSE(plr_kube_is_dns_name("a."));
    CU_ASSERT_FALSE(plr_kube_is_dns_name(""));
    CU_ASSERT_TRUE(plr_kube_is_dns_label("redis"));
    CU_ASSERT_FALSE(plr_kube_is_dns_label("redis.example"));
    CU_ASSERT_FALSE(plr_kube_is_dns_label("redis_1"));
}

static void a_step_stands_behind_plr_init(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'steps':[{" NAMED("a")
                    SH("echo $HOME $$ $(date) $") ",'working_dir':'/src','environment':{'A':'$(B) "
                                                  "$$$(C)'}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/containers/s0/command",
            "['/.plr/bin/plr-init','--pod','/.plr','--step','0','--attempt','1','--nonce','abc',"
            "'--grace-ms','3000','--lease','120','--containers','1','--']");
    plr_kube_expect(pod, "spec/containers/s0/livenessProbe", NULL);
    /* What Kubernetes makes of it is what was written: $$ becomes $, and $( no name. */
    plr_kube_expect(pod, "spec/containers/s0/args", "['sh','-c','echo $HOME $$$ $$(date) $']");
    plr_kube_expect(pod, "spec/containers/s0/env/A/value", "'$$(B) $$$$$$(C)'");
    plr_kube_expect(pod, "spec/containers/s0/workingDir", "'/src'");
    plr_kube_expect(pod, "spec/containers/s0/imagePullPolicy", "'Always'"); /* it is latest */
    plr_kube_expect(pod, "spec/restartPolicy", "'Never'");
    plr_kube_expect(pod, "spec/automountServiceAccountToken", "false");
    plr_kube_expect(pod, "spec/enableServiceLinks", "false");
    plr_kube_expect(pod, "metadata/labels/pipeline-runtime.io~1run", "'r1'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1owner", "'me'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1deadline", "'2020'");
    plr_kube_expect(pod, "metadata/annotations/pipeline-runtime.io~1plan",
            "'plan 1 serial\\nstep on-success 1 -\\n'");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/3",
            "{'name':'plr-results','mountPath':'/.plr/own','subPath':'s0'}");
    CU_ASSERT_PTR_NULL(s.objects.run_secret);
    CU_ASSERT_PTR_NULL(s.objects.pull_secret);
    plr_kube_subject_clear(&s);
}

static void services_are_free_and_steps_that_nobody_knows_are_paused(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'services':[{" NAMED(
                    "db") "'docker':{'image':'redis:4','args':['--port','1']},"
                          "'ready':{'tcp':6379,'http':':80/health'}}],"
                          "'steps':[{" NAMED("a") "'docker':{'image':'plugin:1'}},"
                                                  "{" NAMED(
                                                          "b") "'docker':{'image':'plugin:1','args'"
                                                               ":['x']},'retry':{'attempts':2}}]}");
    plr_kube_subject_image(&s, 2, "{'Entrypoint':['/bin/p'],'Cmd':['dropped']}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/containers/s0/command", NULL);
    plr_kube_expect(pod, "spec/containers/s0/args", "['--port','1']");
    plr_kube_expect(pod, "spec/containers/s0/readinessProbe/exec/command",
            "['/.plr/bin/plr-init','--probe','80','--http','/health']");
    plr_kube_expect(pod, "spec/containers/s0/startupProbe/exec/command",
            "['/.plr/bin/plr-init','--probe','6379']");
    plr_kube_expect(pod, "spec/containers/s1/image", "'pause:1'");
    plr_kube_expect(pod, "spec/containers/s1/command", NULL);
    plr_kube_expect(pod, "spec/containers/s2/image", "'plugin:1'");
    plr_kube_expect(pod, "spec/containers/s2/args", "['/bin/p','x']");
    plr_kube_expect(pod, "spec/containers/s2-2/command/6", "'2'");
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 0, 1), PLR_KUBE_FREE);
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 0, 2), PLR_KUBE_PAUSED);
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 1, 1), PLR_KUBE_PAUSED);
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 2, 1), PLR_KUBE_HELD);
    plr_kube_subject_clear(&s);
}

static void a_detached_step_is_free_only_if_nothing_comes_before_it(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(
            &s, "{'steps':[{" NAMED("a") "'detach':true," SHELL "},{" NAMED(
                        "b") "'detach':true,'ready':{'tcp':80,'exec':['x','y']}," SHELL "}]}");
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 0, 1), PLR_KUBE_FREE);
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 1, 1), PLR_KUBE_HELD);
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s1/command/15", "'--detach'");
    /* It is not asked while it is held. */
    plr_kube_expect(s.objects.pod, "spec/containers/s1/readinessProbe/exec/command",
            "['/.plr/bin/plr-init','--begun','/.plr/own/result','--','x','y']");
    plr_kube_expect(s.objects.pod, "spec/containers/s1/startupProbe/exec/command",
            "['/.plr/bin/plr-init','--begun','/.plr/own/result','--probe','80']");
    plr_kube_subject_clear(&s);
    plr_kube_subject_init(&s, "{'services':[{" NAMED("s") SH("x") "}],'steps':[{" NAMED(
                                      "a") "'detach':true," SHELL "}]}");
    CU_ASSERT_EQUAL(plr_kube_hold_of(&s.run, &s.place, 1, 1), PLR_KUBE_HELD);
    plr_kube_subject_clear(&s);
}

static void check_holds(const char *document, const char *wanted)
{
    static const char letters[] = { [PLR_KUBE_HELD] = 'h',
        [PLR_KUBE_RENEWED] = 'r',
        [PLR_KUBE_FREE] = 'f',
        [PLR_KUBE_PAUSED] = 'p' };
    plr_kube_subject s;
    char found[16];
    size_t n = 0;
    plr_kube_subject_init(&s, document);
    for (; n < s.run.document->n_tasks && n < sizeof(found) - 1; n++)
        found[n] = letters[plr_kube_hold_of(&s.run, &s.place, n, 1)];
    found[n] = '\0';
    CU_ASSERT_STRING_EQUAL(found, wanted);
    plr_kube_subject_clear(&s);
}

#define IMAGE(image) "'docker':{'image':'" image "','command':['x']}"
#define ALWAYS "'docker':{'image':'i:1','command':['x'],'pull_policy':'always'}"
#define PRIVILEGED "'docker':{'image':'i:1','command':['x'],'privileged':true}"
#define AFTER(name) ",'depends_on':['" name "']"

static void who_could_tell_is_not_held(void)
{
    /* Of the image: what is resolved each time is resolved at its turn. */
    check_holds("{'steps':[{" NAMED("a") IMAGE("i") "},{" NAMED("b") IMAGE("i") "},{" NAMED("c")
                        IMAGE("r:5/i:latest") "},{" NAMED("d") ALWAYS "},{" NAMED("e") IMAGE(
                                "i@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
                                "7852b855") "}]}",
            "hrrrh");
    check_holds("{'steps':[{" NAMED("a") SHELL "}],'hooks':{'always':[{" NAMED("h")
                        IMAGE("i") "},{" NAMED("k") SHELL "}]}}",
            "hrh");
    check_holds("{'steps':[{" NAMED("a") SHELL
            "},{" NAMED("b") IMAGE("i") "},{" NAMED("c") IMAGE("i")
                    AFTER("a") "},{" NAMED("d") "'run_policy':'on-failure'," IMAGE("i") "}]}",
            "hhrr");
    /* Of anything: behind one that is the node's. */
    check_holds("{'steps':[{" NAMED("a") SHELL "},{" NAMED("b") PRIVILEGED "},{" NAMED("c") SHELL
            "}]}",
            "hhr");
    check_holds("{'services':[{" NAMED("s") PRIVILEGED "}],'steps':[{" NAMED("a") SHELL
            "},{" NAMED("b") SHELL "}]}",
            "fhr");
    check_holds("{'volumes':[{'metadata':{'name':'v'},'host':{'path':'/srv'}}],'steps':[{" NAMED(
                        "a") SHELL ",'volumes':[{'name':'v','path':'/v'}]},{" NAMED("b") SHELL
            ",'volumes':[{'name':'v','path':'/v'}]}]}",
            "hh");
    check_holds("{'volumes':[{'metadata':{'name':'v'},'host':{'path':'/srv/"
                "'}},{'metadata':{'name':'w'},"
                "'host':{'path':'/srv/w'}}],'steps':[{" NAMED("a") SHELL
            ",'volumes':[{'name':'v','path':'/v'}]},{" NAMED("b") SHELL
            ",'volumes':[{'name':'w','path':'/w'}]}]}",
            "hr");
    check_holds("{'volumes':[{'metadata':{'name':'v'},'host':{'path':'/var/run/"
                "docker.sock'}}],'steps':[{" NAMED("a") SHELL
            ",'volumes':[{'name':'v','path':'/v'}]},{" NAMED("b") SHELL "}]}",
            "hr");
    /* Not before it, and beside it only what might come before. */
    check_holds("{'steps':[{" NAMED("a") SHELL "},{" NAMED("b") SHELL AFTER("a") "},{" NAMED("c")
                        PRIVILEGED AFTER("b") "},{" NAMED("d") SHELL AFTER("c") "}]}",
            "hhhr");
    check_holds("{'steps':[{" NAMED("a") SHELL "},{" NAMED("b") SHELL AFTER("a") "},{" NAMED("c")
                        PRIVILEGED AFTER("a") "}],'hooks':{'always':[{" NAMED("h") PRIVILEGED
            "}]}}",
            "hrhr");
}

static void a_renewed_container_begins_as_pause(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s, "{'steps':[{" NAMED("a") SHELL "},{" NAMED("b") ALWAYS "}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s1/image", "'pause:1'");
    plr_kube_expect(s.objects.pod, "spec/containers/s1/imagePullPolicy", "'Always'");
    plr_kube_expect(s.objects.pod, "spec/containers/s1/command/15", "'--image-later'");
    plr_kube_expect(s.objects.pod, "spec/containers/s1/args", "['x']");
    plr_kube_expect(s.objects.pod, "spec/containers/s1/volumeMounts/3/subPath", "'s1'");
    plr_kube_subject_clear(&s);
}

static void the_pause_process_is_not_asked_for_its_version(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(
            &s, "{'steps':[{" NAMED("a") "'docker':{'image':'plugin:1','args':['-v']}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), PLR_ERR_CONFIGURATION);
    plr_kube_subject_clear(&s);
}

static void secrets_are_seen_by_those_who_ask_for_them(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'secrets':[{'metadata':{'name':'token'},'data':'se$(cret'}],"
            "'files':[{'metadata':{'name':'f'},'data':'AAEC'}],"
            "'docker':{'auths':[{'address':'docker.io','username':'u','password':'p'}]},"
            "'steps':[{" NAMED("a")
                    SH("x") ",'secrets':[{'name':'token','env':'T'}],"
                            "'environment':{'T':'old'},"
                            "'files':[{'name':'f','path':'/etc/f','mode':256}]},"
                            "{" NAMED("b") SH("x") ",'secrets':[{'name':'token','env':'U'}]},"
                                                   "{" NAMED("c") SH("x") "}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(s.objects.run_secret, "data", "{'secret-0-0':'c2UkKGNyZXQ=','file-0':'AAEC'}");
    plr_kube_expect(pod, "spec/containers/s0/env",
            "[{'name':'T','valueFrom':{'secretKeyRef':{'name':'plr-r1','key':'secret-0-0'}}}]");
    plr_kube_expect(pod, "spec/containers/s1/env/U/valueFrom/secretKeyRef/key", "'secret-0-0'");
    plr_kube_expect(pod, "spec/containers/s2/env", NULL);
    plr_kube_expect(pod, "spec/volumes/plr-files-0/secret",
            "{'secretName':'plr-r1','items':[{'key':'file-0','path':'0','mode':256}]}");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/plr-files-0",
            "{'name':'plr-files-0','mountPath':'/etc/f','subPath':'0','readOnly':true}");
    plr_kube_expect(pod, "spec/containers/s1/volumeMounts/plr-files-0", NULL);
    plr_kube_expect(pod, "spec/imagePullSecrets", "[{'name':'plr-r1-pull'}]");
    /* {"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}} */
    plr_kube_expect(s.objects.pull_secret, "data/.dockerconfigjson",
            "'eyJhdXRocyI6eyJodHRwczovL2luZGV4LmRvY2tlci5pby92MS8iOnsiYXV0aCI6ImRUcHcifX19'");
    plr_kube_expect(s.objects.pull_secret, "type", "'kubernetes.io/dockerconfigjson'");
    plr_kube_subject_clear(&s);
}

static int read_registries(const char *text, json_object **ret_auths)
{
    char path[] = "/tmp/plr-registries-XXXXXX";
    plr_error err = { 0 };
    int fd = mkstemp(path);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int r = plr_kube_registries_read(ret_auths, path, &err);
    CU_ASSERT_PTR_NULL(strstr(err.message, "hunter2"));
    unlink(path);
    return r;
}

static void registries_of_a_file_are_given_to_the_cluster(void)
{
    plr_kube_subject s;
    json_object *auths = NULL;
    plr_kube_subject_init(&s, "{'docker':{'auths':[{'address':'a','username':'u','password':'p'}]},"
                              "'steps':[{" NAMED("a") SH("x") "}]}");
    CU_ASSERT_EQUAL(read_registries("{\"auths\":{\"a\":{\"auth\":\"x\"},\"b\":{}}}", &auths), 0);
    s.place.registry_auths = auths;
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    /* {"auths":{"a":{"auth":"dTpw"},"b":{}}}: the document's own wins. */
    plr_kube_expect(s.objects.pull_secret, "data/.dockerconfigjson",
            "'eyJhdXRocyI6eyJhIjp7ImF1dGgiOiJkVHB3In0sImIiOnt9fX0='");
    json_object_put(auths);
    auths = NULL;
    CU_ASSERT_EQUAL(read_registries("{}", &auths), 0);
    CU_ASSERT_PTR_NULL(auths);
    CU_ASSERT_EQUAL(read_registries("{\"auths\":\"hunter2\"}", &auths), PLR_ERR_CONFIGURATION);
    CU_ASSERT_EQUAL(read_registries("hunter2", &auths), PLR_ERR_CONFIGURATION);
    plr_kube_subject_clear(&s);
}

static void plr_init_is_in_a_secret_of_its_hash(void)
{
    static const char *const architectures[] = { "amd64", "arm64" };
    char names[2][100];
    for (size_t i = 0; i < 2; i++) {
        plr_kube_subject s;
        char document[200], quoted[20];
        _cleanup_json_ json_object *secret = NULL;
        snprintf(document, sizeof(document),
                "{'platform':{'arch':'%s'},'steps':[{" NAMED("a") SH("x") "}]}", architectures[i]);
        plr_kube_subject_init(&s, document);
        CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
        CU_ASSERT_EQUAL(plr_kube_init_secret(&secret, architectures[i], &s.place, true, &s.err), 0);
        plr_kube_expect(secret, "immutable", "true");
        plr_kube_expect(secret, "metadata/labels/pipeline-runtime.io~1run", NULL);
        const char *name =
                plr_jsonc_text(plr_jsonc_get(secret, "metadata", json_type_object), "name");
        CU_ASSERT_EQUAL(strlen(name), strlen("plr-init-") + 16);
        snprintf(names[i], sizeof(names[i]), "'%s'", name);
        snprintf(quoted, sizeof(quoted), "'%s'", architectures[i]);
        plr_kube_expect(s.objects.pod, "spec/volumes/plr-init/secret/secretName", names[i]);
        plr_kube_expect(s.objects.pod, "spec/volumes/plr-init/secret/defaultMode", "365");
        plr_kube_expect(s.objects.pod, "spec/nodeSelector/kubernetes.io~1arch", quoted);
        plr_kube_subject_clear(&s);
    }
    CU_ASSERT_STRING_NOT_EQUAL(names[0], names[1]);
}

static void volumes_are_those_of_the_document(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'volumes':[{'metadata':{'name':'t'},'temp':{'size_limit':5}},"
            "{'metadata':{'name':'m'},'temp':{'medium':'memory','size_limit':7}},"
            "{'metadata':{'name':'h'},'host':{'path':'/srv'}},"
            "{'metadata':{'name':'unused'},'temp':{}}],"
            "'steps':[{" NAMED("a") "'docker':{'image':'i:1','command':['x'],'shm_size':9},"
                                    "'volumes':[{'name':'t','path':'/t'},{'name':'m','path':'/m'},"
                                    "{'name':'h','path':'/h'}]}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/volumes/plr-v0/emptyDir", "{'sizeLimit':'5'}");
    plr_kube_expect(pod, "spec/volumes/plr-v1/emptyDir", "{'medium':'Memory','sizeLimit':'7'}");
    plr_kube_expect(pod, "spec/volumes/plr-v2/hostPath", "{'path':'/srv','type':'Directory'}");
    plr_kube_expect(pod, "spec/volumes/plr-v3", NULL);
    plr_kube_expect(pod, "spec/volumes/plr-shm-0/emptyDir", "{'medium':'Memory','sizeLimit':'9'}");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/plr-shm-0/mountPath", "'/dev/shm'");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/plr-v1/mountPath", "'/m'");
    plr_kube_subject_clear(&s);
}

static void the_workspace_of_this_machine_is_refused(void)
{
    plr_kube_subject s;
    plr_task_volume workspace = {
        .name = "", .path = "/w", .host_path = "/home", .volume = PLR_NONE
    };
    plr_kube_subject_init(&s, "{'steps':[{" NAMED("a") SH("x") "}]}");
    const plr_task_volume *own = s.tasks[0].volumes;
    s.tasks[0].volumes = &workspace;
    s.tasks[0].n_volumes = 1;
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), PLR_ERR_CONFIGURATION);
    s.tasks[0].volumes = own;
    plr_kube_subject_clear(&s);
}

#define REQUEST(cpu, memory) "'resources':{'requests':{'cpu':" cpu ",'memory':" memory "}}"

static void requests_of_steps_in_a_row_do_not_add_up(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'services':[{" NAMED("s") SH("x") "," REQUEST("50",
                    "10") "}],"
                          "'steps':[{" NAMED("a") SH("x") "," REQUEST("100",
                                  "300") "},"
                                         "{" NAMED("b") SH("x") ",'retry':{'attempts':2}," REQUEST(
                                                 "400", "200") "},"
                                                               "{" NAMED("c") SH(
                                                                       "x") ",'resources':{'limits'"
                                                                            ":{'memory':400}}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/containers/s0/resources/requests", "{'cpu':'50m','memory':'10'}");
    plr_kube_expect(pod, "spec/containers/s1/resources/requests", "{'cpu':'0','memory':'0'}");
    plr_kube_expect(pod, "spec/containers/s2/resources/requests", "{'cpu':'400m','memory':'0'}");
    plr_kube_expect(pod, "spec/containers/s2-2/resources/requests", "{'cpu':'0','memory':'0'}");
    plr_kube_expect(pod, "spec/containers/s3/resources",
            "{'requests':{'cpu':'0','memory':'400'},'limits':{'memory':'400'}}");
    plr_kube_subject_clear(&s);
}

static void requests_of_steps_side_by_side_do(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'steps':[{" NAMED("last") SH("x") ",'depends_on':['a','b']," REQUEST("5",
                    "0") "},"
                         "{" NAMED("a") SH("x") "," REQUEST("100",
                                 "0") "},"
                                      "{" NAMED("b") SH("x") "," REQUEST("70",
                                              "0") "},"
                                                   "{" NAMED("f") SH(
                                                           "x") ",'run_policy':'on-failure'"
                                                                "," REQUEST("120",
                                                                        "0") "}],"
                                                                             "'hooks':{'always':["
                                                                             "{" NAMED("h") SH(
                                                                                     "x") "," REQUEST("1",
                                                                                     "0") "}]}}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    /* a, then f in the end phase, in one chain with last and h; b beside it. */
    plr_kube_expect(pod, "spec/containers/s0/resources/requests/cpu", "'0'");
    plr_kube_expect(pod, "spec/containers/s1/resources/requests/cpu", "'0'");
    plr_kube_expect(pod, "spec/containers/s2/resources/requests/cpu", "'70m'");
    plr_kube_expect(pod, "spec/containers/s3/resources/requests/cpu", "'120m'");
    plr_kube_expect(pod, "spec/containers/s4/resources/requests/cpu", "'0'");
    /* In an order in which each comes after what it depends on. */
    plr_kube_expect(pod, "spec/containers/0/name", "'s1'");
    plr_kube_expect(pod, "spec/containers/4/name", "'s4'");
    plr_kube_subject_clear(&s);
}

static void users_are_numbers_and_restricted_where_none_is_root(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'files':[{'metadata':{'name':'f'},'data':'AA'}],'steps':[{" NAMED(
                    "a") "'docker':{'image':'i:1','command':['x'],'user':'1000:7'},"
                         "'files':[{'name':'f','path':'/f','mode':256}]},"
                         "{" NAMED("b") "'docker':{'image':'i:1','command':['x'],'user':'5'}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s0/securityContext",
            "{'runAsUser':1000,'runAsGroup':7,'allowPrivilegeEscalation':false,"
            "'capabilities':{'drop':['ALL']}}");
    plr_kube_expect(s.objects.pod, "spec/securityContext",
            "{'runAsNonRoot':true,'seccompProfile':{'type':'RuntimeDefault'}}");
    plr_kube_subject_clear(&s);
    plr_kube_subject_init(&s, "{'steps':[{" NAMED("a") "'docker':{'image':'i:1','command':['x'],"
                                                       "'user':'root','privileged':true}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s0/securityContext",
            "{'runAsUser':0,'privileged':true}");
    plr_kube_expect(s.objects.pod, "spec/securityContext", NULL);
    plr_kube_subject_clear(&s);
}

static void files_of_users_are_copied_as_their_users(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'files':[{'metadata':{'name':'f'},'data':'AA'}],'steps':[{" NAMED(
                    "a") "'docker':{'image':'i:1','command':['x'],'user':'1000:7'},"
                         "'files':[{'name':'f','path':'/f','mode':256},{'name':'f','path':'/g'}]},"
                         "{" NAMED("b") SHELL
            ",'files':[{'name':'f','path':'/f'}]},"
            "{" NAMED("c") "'docker':{'image':'i:1','command':['x'],'user':'1000:7'},"
                           "'files':[{'name':'f','path':'/f'}]},"
                           "{" NAMED("d") "'docker':{'image':'i:1','command':['x'],'user':'5'},"
                                          "'files':[{'name':'f','path':'/f'}]}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/initContainers/0/args",
            "['/.plr/from/0/0','/.plr/to/0/0','256','/.plr/from/0/1','/.plr/to/0/1','420',"
            "'/.plr/from/2/0','/.plr/to/2/0','420']");
    plr_kube_expect(
            pod, "spec/initContainers/0/securityContext", "{'runAsUser':1000,'runAsGroup':7}");
    plr_kube_expect(pod, "spec/initContainers/1/securityContext", "{'runAsUser':5}");
    plr_kube_expect(pod, "spec/initContainers/2", NULL);
    plr_kube_expect(pod, "spec/volumes/plr-files-0/emptyDir", "{'medium':'Memory'}");
    plr_kube_expect(pod, "spec/volumes/plr-source-0/secret/items/0/mode", "292");
    plr_kube_expect(pod, "spec/volumes/plr-files-1/secret/items/0/mode", "420");
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/plr-source-0", NULL);
    plr_kube_expect(pod, "spec/containers/s0/volumeMounts/plr-files-0/readOnly", NULL);
    plr_kube_expect(pod, "spec/containers/s1/volumeMounts/plr-files-1/readOnly", "true");
    plr_kube_subject_clear(&s);
}

static void the_network_is_one_for_all(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s,
            "{'steps':[{" NAMED(
                    "build it") "'aliases':['builder'],'docker':{'image':'i@sha256:"
                                "0123456789012345678901234567890123456789012345678901234567890123',"
                                "'command':['x'],'dns':['10.0.0.1'],'dns_search':['x.y'],"
                                "'extra_hosts':['a:10.0.0.2','b=10.0.0.2'],"
                                "'ports':[{'port':80,'host':8080},{'port':53,'protocol':'udp'}]}}]"
                                "}");
    s.run.network = PLR_NETWORK_HOST;
    s.settings.node = (char *)"n1";
    s.settings.service_account = (char *)"deployer";
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    json_object *pod = s.objects.pod;
    plr_kube_expect(pod, "spec/hostAliases",
            "[{'ip':'127.0.0.1','hostnames':['builder']},"
            "{'ip':'10.0.0.2','hostnames':['a','b']}]");
    plr_kube_expect(pod, "spec/dnsPolicy", "'None'");
    plr_kube_expect(pod, "spec/dnsConfig", "{'nameservers':['10.0.0.1'],'searches':['x.y']}");
    plr_kube_expect(pod, "spec/hostNetwork", "true");
    plr_kube_expect(pod, "spec/containers/s0/ports",
            "[{'containerPort':80,'protocol':'TCP','hostPort':8080},"
            "{'containerPort':53,'protocol':'UDP'}]");
    plr_kube_expect(pod, "spec/containers/s0/imagePullPolicy", "'IfNotPresent'");
    plr_kube_expect(pod, "spec/nodeSelector/kubernetes.io~1hostname", "'n1'");
    plr_kube_expect(pod, "spec/serviceAccountName", "'deployer'");
    plr_kube_expect(pod, "spec/automountServiceAccountToken", "true");
    plr_kube_subject_clear(&s);
}

static void kubernetes_own_words_replace_dockers(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s, "{'steps':[{" NAMED("a") SH("x") ",'kubernetes':{'args':['y']}}]}");
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s0/args", "['sh','-c','y']");
    CU_ASSERT_STRING_EQUAL(plr_kube_command(s.tasks[0].step, NULL), "sh");
    plr_kube_subject_clear(&s);
}

static void what_is_not_selected_has_no_container(void)
{
    plr_kube_subject s;
    plr_kube_subject_init(&s, "{'steps':[{" NAMED("a") SH("x") "},{" NAMED("b") SH("x") "}]}");
    s.list[0] = s.list[1];
    s.n_tasks = 1;
    s.run.self_release = false;
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), 0);
    plr_kube_expect(s.objects.pod, "spec/containers/s0", NULL);
    plr_kube_expect(s.objects.pod, "spec/containers/0/name", "'s1'");
    plr_kube_expect(s.objects.pod, "metadata/annotations/pipeline-runtime.io~1plan",
            "'plan 1 serial\\nstep on-success 1 ah\\nstep on-success 1 h 0\\n'");
    plr_kube_subject_clear(&s);
}

static void what_the_api_does_not_keep_is_refused(void)
{
    plr_kube_subject s;
    size_t size = (size_t)1 << 20;
    char *big = malloc(size + 300);
    int at = sprintf(big, "{'secrets':[{'metadata':{'name':'s'},'data':'");
    memset(big + at, 'x', size);
    strcpy(big + at + size, "'}],'steps':[{'metadata':{'name':'a'},'secrets':[{'name':'s','env':"
                            "'S'}],'docker':{'image':'i','command':['x']}}]}");
    plr_kube_subject_init(&s, big);
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "1 MiB"));
    plr_kube_subject_clear(&s);
    size = 1500 * 1000;
    big = realloc(big, size + 300);
    at = sprintf(big, "{'steps':[{'metadata':{'name':'a'},'environment':{'A':'");
    memset(big + at, 'x', size);
    strcpy(big + at + size, "'},'docker':{'image':'i','command':['x']}}]}");
    plr_kube_subject_init(&s, big);
    CU_ASSERT_EQUAL(plr_kube_subject_make(&s), PLR_ERR_CONFIGURATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err.message, "1500000"));
    plr_kube_subject_clear(&s);
    free(big);
}

static const plr_test tests[] = {
    { "containers of ours have names that read back",
            containers_of_ours_have_names_that_read_back },
    { "names that resolve are those of DNS", names_that_resolve_are_those_of_dns },
    { "a step stands behind plr-init", a_step_stands_behind_plr_init },
    { "services are free, and steps that nobody knows are paused",
            services_are_free_and_steps_that_nobody_knows_are_paused },
    { "a detached step is free only if nothing comes before it",
            a_detached_step_is_free_only_if_nothing_comes_before_it },
    { "who could tell is not held", who_could_tell_is_not_held },
    { "a renewed container begins as pause", a_renewed_container_begins_as_pause },
    { "the pause process is not asked for its version",
            the_pause_process_is_not_asked_for_its_version },
    { "secrets are seen by those who ask for them", secrets_are_seen_by_those_who_ask_for_them },
    { "registries of a file are given to the cluster",
            registries_of_a_file_are_given_to_the_cluster },
    { "plr-init is in a Secret of its hash", plr_init_is_in_a_secret_of_its_hash },
    { "volumes are those of the document", volumes_are_those_of_the_document },
    { "the workspace of this machine is refused", the_workspace_of_this_machine_is_refused },
    { "requests of steps in a row do not add up", requests_of_steps_in_a_row_do_not_add_up },
    { "requests of steps side by side do", requests_of_steps_side_by_side_do },
    { "users are numbers, and restricted where none is root",
            users_are_numbers_and_restricted_where_none_is_root },
    { "files of users are copied as their users", files_of_users_are_copied_as_their_users },
    { "the network is one for all", the_network_is_one_for_all },
    { "Kubernetes' own words replace Docker's", kubernetes_own_words_replace_dockers },
    { "what is not selected has no container", what_is_not_selected_has_no_container },
    { "what the API does not keep is refused", what_the_api_does_not_keep_is_refused },
    { NULL, NULL },
};

int main(void)
{
    return plr_test_main("kube_pod", tests);
}
