/* SPDX-License-Identifier: MIT */
/* What tables cannot say: names, paths, variables, volumes, readiness. Each case is a document and
 * all that is found in it. */
#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

#define CASES(list) plr_cases_check(list, sizeof(list) / sizeof *(list), NULL)
#define S(name) "{'metadata':{'name':'" name "'}}"

static void steps(void)
{
    static const plr_case cases[] = {
        { "a document needs steps", "{}", "1:1 missing-key" },
        { "null is no list of steps", "{'steps':null}", "1:1 missing-key" },
        { "at least one", "{'steps':[]}", "1:10 empty-steps /steps" },
        { "null is no step", "{'steps':[null]}", "1:11 null-element /steps/0" },
        { "a text is no step", "{'steps':['a']}", "1:11 wrong-type /steps/0" },
        { "services alone are no pipeline", "{'services':[" S("a") "]}", "1:1 missing-key" },
        { "hooks alone neither", "{'hooks':{'always':[" S("a") "]},'steps':[]}",
                "1:57 empty-steps /steps" },
    };
    CASES(cases);
}

static void names(void)
{
    static const plr_case cases[] = {
        { "a step without a name", "{'steps':[{}]}", "1:11 missing-name /steps/0" },
        { "an empty name is none", "{'steps':[{'metadata':{'name':''}}]}",
                "1:31 missing-name /steps/0/metadata/name" },
        { "the uid is a name", "{'steps':[{'metadata':{'uid':'a'}}]}", "" },
        { "a name of the wrong type is told once", "{'steps':[{'metadata':{'name':1}}]}",
                "1:31 wrong-type /steps/0/metadata/name" },
        { "metadata of the wrong type is told once", "{'steps':[{'metadata':'a'}]}",
                "1:23 wrong-type /steps/0/metadata" },
        { "a bad character is told once", "{'steps':[{'metadata':{'name':'\\u0000'}}]}",
                "1:32 nul /steps/0/metadata/name" },
        { "a name twice", "{'steps':[" S("a") ",\n" S("a") "]}",
                "2:21 duplicate-name /steps/1/metadata/name" },
        { "a uid that is the name of another", "{'steps':[" S("a") ",\n{'metadata':{'uid':'a'}}]}",
                "2:20 duplicate-name /steps/1/metadata/uid" },
        { "a uid twice",
                "{'steps':[{'metadata':{'uid':'u','name':'a'}},\n{'metadata':{'uid':'u','name':'b'}"
                "}]}",
                "2:20 duplicate-uid /steps/1/metadata/uid" },
        { "steps, services and hooks share names",
                "{'steps':[" S("a") "],\n'services':[" S("a") "],\n'hooks':{'always':[" S(
                        "a") "]}}",
                "1:31 duplicate-name /steps/0/metadata/name\n"
                "3:40 duplicate-name /hooks/always/0/metadata/name" },
        { "names of other things are others",
                "{'steps':[" S("a") "],'volumes':[{'metadata':{'name':'a'},'temp':{}}],"
                                    "'files':[" S("a") "],'secrets':[" S("a") "]}",
                "" },
        { "names differ in case", "{'steps':[" S("a") "," S("A") "]}", "" },
        { "free text is a name", "{'steps':[" S("Zo\xc3\xab / \xe2\x9c\x93") "]}", "" },
        { "control characters are no name",
                "{'steps':[" S("a\\u001b[2J") "," S("a\\n") "," S("\\u007f") "]}",
                "1:31 bad-name /steps/0/metadata/name\n1:66 bad-name /steps/1/metadata/name\n"
                "1:94 bad-name /steps/2/metadata/name" },
        { "nor of a document", BESIDE("'metadata':{'name':'a\\nb'}"),
                "2:20 bad-name /metadata/name" },
        { "volumes, files and secrets need names",
                BESIDE("'volumes':[{'temp':{}}],\n'files':[{'data':''}],\n'secrets':[{}]"),
                "2:12 missing-name /volumes/0\n3:10 missing-name /files/0\n"
                "4:12 missing-name /secrets/0" },
        { "each once",
                BESIDE("'volumes':[{'metadata':{'name':'v'},'temp':{}}],\n"
                       "'docker':{'volumes':[{'metadata':{'name':'v'},'temp':{}}]},\n"
                       "'files':[{'name':'f'},{'metadata':{'name':'f'}}],\n"
                       "'secrets':[" S("s") "," S("s") "]"),
                "3:42 duplicate-name /docker/volumes/0/metadata/name\n"
                "4:43 duplicate-name /files/1/metadata/name\n"
                "5:58 duplicate-name /secrets/1/metadata/name" },
        { "a file's name in both forms", BESIDE("'files':[{'Name':'f','metadata':{'name':'f'}}]"),
                "2:11 duplicate-key /files/0/Name" },
    };
    CASES(cases);
}

static void references(void)
{
    static const plr_case cases[] = {
        { "a volume that is not there", STEP("'volumes':[{'name':'v','path':'/v'}]"),
                "3:20 unknown-volume /steps/0/volumes/0/name" },
        { "a file that is not there", STEP("'files':[{'name':'f','path':'/f'}]"),
                "3:18 unknown-file /steps/0/files/0/name" },
        { "a device that is not there", STEP("'devices':[{'name':'d','path':'/d'}]"),
                "3:20 unknown-volume /steps/0/devices/0/name" },
        { "a secret that is not there", STEP("'secrets':[{'name':'s','env':'S'}]"),
                "3:20 unknown-secret /steps/0/secrets/0/name" },
        { "what was probably meant",
                "{'volumes':[{'metadata':{'name':'cache'},'temp':{}}],\n'steps':[{'metadata':"
                "{'name':'a'},\n'volumes':[{'name':'cahce','path':'/c'}]}]}",
                "3:20 unknown-volume /steps/0/volumes/0/name (cache)" },
        { "services and hooks refer, too",
                BESIDE("'services':[{'metadata':{'name':'s'},'files':[{'name':'f','path':'/"
                       "f'}]}],\n"
                       "'hooks':{'always':[{'metadata':{'name':'h'},'files':[{'name':'f','path':"
                       "'/f'}]}]}"),
                "2:55 unknown-file /services/0/files/0/name\n"
                "3:62 unknown-file /hooks/always/0/files/0/name" },
        { "a device is a host volume",
                "{'volumes':[{'metadata':{'name':'v'},'temp':{}}],\n'steps':[{'metadata':"
                "{'name':'a'},\n'devices':[{'name':'v','path':'/d'}]}]}",
                "3:20 not-a-device /steps/0/devices/0/name" },
        { "what a mount needs",
                STEP("'volumes':[{}],\n'files':[{}],\n'devices':[{}],\n'secrets':[{}]"),
                "3:12 missing-key /steps/0/volumes/0\n3:12 missing-key /steps/0/volumes/0\n"
                "4:10 missing-key /steps/0/files/0\n4:10 missing-key /steps/0/files/0\n"
                "5:12 missing-key /steps/0/devices/0\n5:12 missing-key /steps/0/devices/0\n"
                "6:12 missing-key /steps/0/secrets/0\n6:12 missing-key /steps/0/secrets/0" },
    };
    CASES(cases);
}

static void secrets_of_the_host(void)
{
    static const char *const names[] = { "one", "two" };
    static const char *const json =
            STEP("'secrets':[{'name':'two','env':'A'},{'name':'three','env':'B'}]");
    plr_spec_options options = { .size = sizeof options, .secrets = names, .n_secrets = 2 };
    const plr_case named = { "named ones are known", json,
        "3:45 unknown-secret /steps/0/secrets/1/name" };
    plr_cases_check(&named, 1, &options);
    options = (plr_spec_options){ .size = sizeof options, .secrets_from_host = true };
    const plr_case later = { "all may come later", json, "" };
    plr_cases_check(&later, 1, &options);
}

static void paths(void)
{
    static const plr_case cases[] = {
        { "where a step works", STEP("'working_dir':'src'"), "3:15 bad-path /steps/0/working_dir" },
        { "upwards", STEP("'working_dir':'/a/../b'"), "3:15 bad-path /steps/0/working_dir" },
        { "upwards at the end", STEP("'working_dir':'/a/..'"),
                "3:15 bad-path /steps/0/working_dir" },
        { "dots in names are names", STEP("'working_dir':'/a..b/...'"), "" },
        { "the root is a place to work", STEP("'working_dir':'/'"), "" },
        { "on the host",
                BESIDE("'volumes':[{'metadata':{'name':'v'},'host':{'path':'../etc'}},\n"
                       "{'metadata':{'name':'w'},'host':{'path':'/a/../../etc'}},\n"
                       "{'metadata':{'name':'x'},'host':{}},\n"
                       "{'metadata':{'name':'y'},'host':{'path':'/'}}]"),
                "2:52 bad-path /volumes/0/host/path\n3:41 bad-path /volumes/1/host/path\n"
                "4:33 missing-key /volumes/2/host" },
        { "where files and volumes stand",
                "{'volumes':[{'metadata':{'name':'v'},'temp':{}}],'files':[{'name':'f'}],\n"
                "'steps':[{'metadata':{'name':'a'},\n"
                "'files':[{'name':'f','path':'../../etc/passwd'},{'name':'f','path':'/a/../b'}],\n"
                "'volumes':[{'name':'v','path':'data'},{'name':'v','path':'/'}]}]}",
                "3:29 bad-path /steps/0/files/0/path\n3:68 bad-path /steps/0/files/1/path\n"
                "4:31 bad-path /steps/0/volumes/0/path\n4:58 bad-path /steps/0/volumes/1/path" },
        { "two things at one place",
                "{'volumes':[{'metadata':{'name':'v'},'temp':{}}],'files':[{'name':'f'}],\n"
                "'steps':[{'metadata':{'name':'a'},\n"
                "'volumes':[{'name':'v','path':'/x/y'}],\n"
                "'files':[{'name':'f','path':'//x/./y/'},{'name':'f','path':'/x/z'}]},\n"
                "{'metadata':{'name':'b'},'files':[{'name':'f','path':'/x/y'}]}]}",
                "4:29 duplicate-path /steps/0/files/0/path" },
    };
    CASES(cases);
}

static void modes(void)
{
    static const plr_case cases[] = {
        { "the largest is 07777",
                "{'files':[{'name':'f'}],'steps':[{'metadata':{'name':'a'},\n"
                "'files':[{'name':'f','path':'/f','mode':4095},{'name':'f','path':'/"
                "g','mode':4096},"
                "{'name':'f','path':'/h','mode':-1}]}]}",
                "2:78 number-range /steps/0/files/1/mode\n2:115 number-range "
                "/steps/0/files/2/mode" },
    };
    CASES(cases);
}

static void variables(void)
{
    static const plr_case cases[] = {
        { "no name", STEP("'environment':{'':'x'}"), "3:16 bad-env /steps/0/environment/" },
        { "a name with =", STEP("'environment':{'A=B':'x'}"),
                "3:16 bad-env /steps/0/environment/A=B" },
        { "a reserved name", STEP("'environment':{'PIPELINE_RESULT':null}"),
                "3:16 bad-env /steps/0/environment/PIPELINE_RESULT" },
        { "names that are not reserved", STEP("'environment':{'PIPELINE':'','pipeline_x':''}"),
                "" },
        { "case matters", STEP("'environment':{'A':'1','a':'2'}"), "" },
        { "the place is right behind a key that is wrong",
                STEP("'environment':{'\\u0000':'1','B=':'2'}"),
                "3:17 nul /steps/0/environment\n3:29 bad-env /steps/0/environment/B=" },
        { "a secret's variable",
                "{'secrets':[" S("s") "],'steps':[{'metadata':{'name':'a'},\n"
                                      "'secrets':[{'name':'s','env':'A=B'},{'name':'s','env':'"
                                      "PIPELINE_X'},\n"
                                      "{'name':'s','env':'C'},{'name':'s','env':'C'}]}]}",
                "2:30 bad-env /steps/0/secrets/0/env\n2:55 bad-env /steps/0/secrets/1/env\n"
                "3:42 duplicate-env /steps/0/secrets/3/env" },
    };
    CASES(cases);
}

static void volumes(void)
{
    static const plr_case cases[] = {
        { "neither temp nor host", BESIDE("'volumes':[" S("v") "]"),
                "2:12 volume-source /volumes/0" },
        { "null is neither",
                BESIDE("'volumes':[{'metadata':{'name':'v'},'temp':null,'host':null}]"),
                "2:12 volume-source /volumes/0" },
        { "both",
                BESIDE("'docker':{'volumes':[{'metadata':{'name':'v'},'temp':{},'host':{'path':'/"
                       "a'}}]}"),
                "2:22 volume-source /docker/volumes/0" },
        { "a wrong type is told once", BESIDE("'volumes':[{'metadata':{'name':'v'},'temp':true}]"),
                "2:44 wrong-type /volumes/0/temp" },
        { "an unknown medium",
                BESIDE("'volumes':[{'metadata':{'name':'v'},'temp':{'medium':'Memory'}}]"),
                "2:54 unknown-value /volumes/0/temp/medium (memory)" },
    };
    CASES(cases);
}

static void kinds(void)
{
    static const plr_case cases[] = {
        { "what a service does not have",
                BESIDE("'services':[{'metadata':{'name':'s'},\n'depends_on':['a'],\n"
                       "'run_policy':'always',\n'detach':true}]"),
                "3:1 not-allowed /services/0/depends_on\n"
                "4:1 not-allowed /services/0/run_policy\n5:1 not-allowed /services/0/detach" },
        { "what a hook does not have",
                BESIDE("'hooks':{'on_failure':[{'metadata':{'name':'h'},\n'depends_on':['a'],\n"
                       "'run_policy':'always',\n'detach':false,\n'ready':{'tcp':1}}]}"),
                "3:1 not-allowed /hooks/on_failure/0/depends_on\n"
                "4:1 not-allowed /hooks/on_failure/0/run_policy\n"
                "5:1 not-allowed /hooks/on_failure/0/detach\n"
                "6:1 not-allowed /hooks/on_failure/0/ready" },
        { "an empty list is absent, and so is null",
                BESIDE("'services':[{'metadata':{'name':'s'},'depends_on':[],'detach':null}]"),
                "" },
    };
    CASES(cases);
}

static void readiness(void)
{
    static const plr_case cases[] = {
        { "only what is detached becomes ready", STEP("'ready':{'tcp':1}"),
                "3:1 ready-not-detached /steps/0/ready" },
        { "a detached step does", STEP("'detach':true,'ready':{'tcp':65535}"), "" },
        { "something must be asked", STEP("'detach':true,\n'ready':{'timeout':'1s'}"),
                "4:9 empty-ready /steps/0/ready" },
        { "empty questions are none",
                STEP("'detach':true,\n'ready':{'exec':[],'log':'','http':'','tcp':null}"),
                "4:9 empty-ready /steps/0/ready" },
        { "a port", STEP("'detach':true,\n'ready':{'tcp':65536}"),
                "4:16 number-range /steps/0/ready/tcp" },
        { "http without a port", STEP("'detach':true,\n'ready':{'http':'/x'}"),
                "4:17 bad-http /steps/0/ready/http" },
        { "http without a colon", STEP("'detach':true,\n'ready':{'http':'80'}"),
                "4:17 bad-http /steps/0/ready/http" },
        { "http with a port that is none", STEP("'detach':true,\n'ready':{'http':':65536/'}"),
                "4:17 bad-http /steps/0/ready/http" },
        { "http with a host", STEP("'detach':true,\n'ready':{'http':'http://db:80/'}"),
                "4:17 bad-http /steps/0/ready/http" },
        { "http with a line break", STEP("'detach':true,\n'ready':{'http':':80/\\r\\nX: y'}"),
                "4:17 bad-http /steps/0/ready/http" },
        { "http as it should be", STEP("'detach':true,'ready':{'http':':80'}"), "" },
    };
    CASES(cases);
}

static void words(void)
{
    static const plr_case cases[] = {
        { "a run policy", STEP("'run_policy':'on-failur'"),
                "3:14 unknown-value /steps/0/run_policy (on-failure)" },
        { "a pull policy", STEP("'docker':{'pull_policy':'IfNotPresent'}"),
                "3:25 unknown-value /steps/0/docker/pull_policy" },
        { "a reason for a retry",
                STEP("'retry':{'attempts':2,'on':['exit','cancelled','not-redy']}"),
                "3:36 unknown-value /steps/0/retry/on/1\n"
                "3:48 unknown-value /steps/0/retry/on/2 (not-ready)" },
        { "all reasons for a retry",
                STEP("'retry':{'attempts':2,'on':['exit','signal','oom','timeout','image',"
                     "'not-ready','evicted','lost','infrastructure']}"),
                "" },
        { "a network", STEP("'network':'bridge'"), "3:11 unknown-value /steps/0/network" },
        { "a protocol", STEP("'docker':{'ports':[{'port':80,'protocol':'TCP'}]}"),
                "3:42 unknown-value /steps/0/docker/ports/0/protocol (tcp)" },
        { "a port without a number", STEP("'docker':{'ports':[{},{'port':0}]}"),
                "3:20 missing-key /steps/0/docker/ports/0\n"
                "3:31 number-range /steps/0/docker/ports/1/port" },
        { "names for the network", STEP("'aliases':['db','','a b','x\\ty','\\u00e9']"),
                "3:17 bad-name /steps/0/aliases/1\n3:20 bad-name /steps/0/aliases/2\n"
                "3:26 bad-name /steps/0/aliases/3" },
        { "an auth without a registry", BESIDE("'docker':{'auths':[{'username':'u'}]}"),
                "2:20 missing-key /docker/auths/0" },
        { "what is not used has types all the same",
                BESIDE("'qemu':{'image':1},\n'fusion':{'imag':'x'},\n'platform':{'os':[]}"),
                "2:17 wrong-type /qemu/image\n3:11 unknown-key /fusion/imag (image)\n"
                "4:18 wrong-type /platform/os" },
    };
    CASES(cases);
}

int main(void)
{
    static const plr_test tests[] = {
        { "a document has steps", steps },
        { "fault 2: names and uids are there, once", names },
        { "fault 3: names refer to something", references },
        { "secrets may come from the host", secrets_of_the_host },
        { "fault 11: paths are absolute and lead down", paths },
        { "modes have a limit", modes },
        { "fault 10: variables have names that may be set", variables },
        { "a volume is of one kind", volumes },
        { "services and hooks have what is theirs", kinds },
        { "readiness asks something, of what is detached", readiness },
        { "words and numbers are known", words },
        { NULL, NULL },
    };
    return plr_test_main("spec_check", tests);
}
