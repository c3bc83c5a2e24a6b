/* SPDX-License-Identifier: MIT */
/* Documents that are right: every field of the format arrives where <pipeline/spec.h> says. */
#include <pipeline/spec.h>

#include <string.h>

#include <pipeline/event.h>

#include "tests/unit/documents.h"
#include "tests/unit/harness.h"

static const char everything[] =
        "{"
        "'metadata':{'uid':'u','namespace':'ns','name':'all','labels':{'Team':'x','team':'y'}},"
        "'platform':{'os':'linux','arch':'arm64','variant':'v8','version':'6'},"
        "'secrets':[{'metadata':{'name':'s1'},'data':'d1'},{'metadata':{'uid':'s2'}}],"
        "'files':[{'metadata':{'name':'f1'},'data':'aGk'},{'Name':'f2','Data':'aGk='}],"
        "'volumes':[{'metadata':{'name':'v1'},'temp':{'medium':'memory','size_limit':5}}],"
        "'docker':{'auths':[{'address':'r:1','username':'me','password':'pw'}],"
        "  'volumes':[{'metadata':{'name':'v2'},'host':{'path':'/dev//kvm/'}},"
        "    {'metadata':{'name':'v3'},'temp':{},'host':null}]},"
        "'qemu':{'image':'q'},'fusion':{'image':'f'},'timeout':'1h',"
        "'services':[{'metadata':{'name':'db'},'depends_on':[],'run_policy':null,"
        "  'ready':{'tcp':1,'http':':80/x','exec':['a','b'],'log':'up','timeout':'9s'}}],"
        "'steps':[{'metadata':{'name':'one'},'detach':true,"
        "  'devices':[{'name':'v2','path':'/dev/kvm'}],"
        "  'environment':{'A':'1','a':'line\\nbreak','N':null},"
        "  'files':[{'name':'f2','path':'/etc/f','mode':511},{'name':'f1','path':'/f'},"
        "    {'name':'f1','path':'/g','mode':0}],"
        "  'ignore_err':true,'ignore_stdout':true,'ignore_stderr':true,"
        "  'resources':{'limits':{'cpu':1,'memory':2,'pids':3},'requests':{'cpu':4,'memory':5}},"
        "  'run_policy':'always','secrets':[{'name':'s2','env':'S'},{'name':'host','env':'H'}],"
        "  'volumes':[{'name':'v3','path':'/a/./b//c/'}],'working_dir':'/w/',"
        "  'docker':{'args':['x'],'command':['y','z'],'dns':['1.1.1.1'],'dns_search':['d'],"
        "    'extra_hosts':['h:1'],'image':'i','network':'bridge','networks':['n1','n2'],"
        "    'ports':[{'port':80,'host':8080,'protocol':'udp'},{'port':1}],'privileged':true,"
        "    'pull_policy':'if-not-exists','shm_size':7,'user':'1000'},"
        "  'kubernetes':{'command':['k'],'args':['l','m']},'timeout':'1m',"
        "  'retry':{'attempts':3,'on':['oom','not-ready'],'backoff':'1s'},"
        "  'ready':{'tcp':2},'network':'none','aliases':['al']},"
        " {'metadata':{'uid':'two'},'kubernetes':{}}],"
        "'hooks':{'on_success':[{'metadata':{'name':'h1'}}],'on_failure':[{'metadata':{'name':'h2'}"
        "}],"
        "  'always':[{'metadata':{'name':'h3'}},{'metadata':{'name':'h4'}}]}"
        "}";

static void document_fields(const plr_document *d)
{
    CU_ASSERT_EQUAL(d->size, sizeof *d);
    CU_ASSERT_STRING_EQUAL(d->metadata.uid, "u");
    CU_ASSERT_STRING_EQUAL(d->metadata.namespace_name, "ns");
    CU_ASSERT_STRING_EQUAL(d->metadata.name, "all");
    CU_ASSERT_EQUAL(d->metadata.n_labels, 2);
    CU_ASSERT_STRING_EQUAL(d->metadata.labels[0].name, "Team");
    CU_ASSERT_STRING_EQUAL(d->metadata.labels[1].value, "y");
    CU_ASSERT_STRING_EQUAL(d->platform.os, "linux");
    CU_ASSERT_STRING_EQUAL(d->platform.arch, "arm64");
    CU_ASSERT_STRING_EQUAL(d->platform.variant, "v8");
    CU_ASSERT_STRING_EQUAL(d->platform.version, "6");
    CU_ASSERT_EQUAL(d->n_secrets, 2);
    CU_ASSERT_STRING_EQUAL(d->secrets[0].data, "d1");
    CU_ASSERT_STRING_EQUAL(d->secrets[1].metadata.name, "s2");
    CU_ASSERT_STRING_EQUAL(d->secrets[1].data, "");
    CU_ASSERT_EQUAL(d->n_files, 2);
    CU_ASSERT_EQUAL(d->files[0].data.size, 2);
    CU_ASSERT_EQUAL(memcmp(d->files[0].data.data, "hi", 2), 0);
    CU_ASSERT_STRING_EQUAL(d->files[1].metadata.name, "f2");
    CU_ASSERT_EQUAL(memcmp(d->files[1].data.data, "hi", 2), 0);
    CU_ASSERT_EQUAL(d->n_volumes, 3);
    CU_ASSERT_STRING_EQUAL(d->volumes[0].temp->medium, "memory");
    CU_ASSERT_EQUAL(d->volumes[0].temp->size_limit, 5);
    CU_ASSERT_PTR_NULL(d->volumes[0].host);
    CU_ASSERT_STRING_EQUAL(d->volumes[1].metadata.name, "v2");
    CU_ASSERT_STRING_EQUAL(d->volumes[1].host->path, "/dev/kvm");
    CU_ASSERT_PTR_NULL(d->volumes[1].temp);
    CU_ASSERT_STRING_EQUAL(d->volumes[2].temp->medium, "");
    CU_ASSERT_EQUAL(d->n_auths, 1);
    CU_ASSERT_STRING_EQUAL(d->auths[0].address, "r:1");
    CU_ASSERT_STRING_EQUAL(d->auths[0].username, "me");
    CU_ASSERT_STRING_EQUAL(d->auths[0].password, "pw");
    CU_ASSERT_EQUAL(d->timeout_ns, 3600000000000);
    CU_ASSERT_TRUE(d->serial);
}

static void task_order(const plr_document *d)
{
    static const struct {
        plr_step_kind kind;
        const char *name, *pointer;
    } tasks[] = {
        { PLR_STEP_SERVICE, "db", "/services/0" },
        { PLR_STEP_STEP, "one", "/steps/0" },
        { PLR_STEP_STEP, "two", "/steps/1" },
        { PLR_STEP_HOOK_SUCCESS, "h1", "/hooks/on_success/0" },
        { PLR_STEP_HOOK_FAILURE, "h2", "/hooks/on_failure/0" },
        { PLR_STEP_HOOK_ALWAYS, "h3", "/hooks/always/0" },
        { PLR_STEP_HOOK_ALWAYS, "h4", "/hooks/always/1" },
    };
    CU_ASSERT_EQUAL(d->n_tasks, sizeof tasks / sizeof *tasks);
    for (size_t i = 0; i < d->n_tasks; i++) {
        CU_ASSERT_EQUAL(d->tasks[i]->size, sizeof(plr_step));
        CU_ASSERT_EQUAL(d->tasks[i]->kind, tasks[i].kind);
        CU_ASSERT_STRING_EQUAL(d->tasks[i]->metadata.name, tasks[i].name);
        CU_ASSERT_STRING_EQUAL(d->tasks[i]->pointer, tasks[i].pointer);
        CU_ASSERT_EQUAL(d->tasks[i]->line, 1);
        CU_ASSERT_TRUE(i == 0 || d->tasks[i]->column > d->tasks[i - 1]->column);
    }
}

static void service_fields(const plr_step *s)
{
    CU_ASSERT_TRUE(s->detach);
    CU_ASSERT_EQUAL(s->n_dependencies, 0);
    CU_ASSERT_EQUAL(s->ready->tcp, 1);
    CU_ASSERT_STRING_EQUAL(s->ready->http, ":80/x");
    CU_ASSERT_EQUAL(s->ready->n_exec, 2);
    CU_ASSERT_STRING_EQUAL(s->ready->exec[1], "b");
    CU_ASSERT_STRING_EQUAL(s->ready->log, "up");
    CU_ASSERT_EQUAL(s->ready->timeout_ns, 9000000000);
}

static void step_fields(const plr_step *s)
{
    CU_ASSERT_TRUE(s->detach);
    CU_ASSERT_EQUAL(s->n_devices, 1);
    CU_ASSERT_STRING_EQUAL(s->devices[0].path, "/dev/kvm");
    CU_ASSERT_EQUAL(s->devices[0].volume, 1);
    CU_ASSERT_EQUAL(s->n_environment, 3);
    CU_ASSERT_STRING_EQUAL(s->environment[0].name, "A");
    CU_ASSERT_STRING_EQUAL(s->environment[1].value, "line\nbreak");
    CU_ASSERT_STRING_EQUAL(s->environment[2].value, "");
    CU_ASSERT_EQUAL(s->n_files, 3);
    CU_ASSERT_EQUAL(s->files[0].file, 1);
    CU_ASSERT_EQUAL(s->files[0].mode, 0777);
    CU_ASSERT_EQUAL(s->files[1].file, 0);
    CU_ASSERT_EQUAL(s->files[1].mode, 0644);
    CU_ASSERT_EQUAL(s->files[2].mode, 0644);
    CU_ASSERT_TRUE(s->ignore_err && s->ignore_stdout && s->ignore_stderr);
    CU_ASSERT_EQUAL(s->resources.limits.cpu, 1);
    CU_ASSERT_EQUAL(s->resources.limits.memory, 2);
    CU_ASSERT_EQUAL(s->resources.limits.pids, 3);
    CU_ASSERT_EQUAL(s->resources.requests.cpu, 4);
    CU_ASSERT_EQUAL(s->resources.requests.memory, 5);
    CU_ASSERT_EQUAL(s->run_policy, PLR_RUN_ALWAYS);
    CU_ASSERT_EQUAL(s->n_secrets, 2);
    CU_ASSERT_EQUAL(s->secrets[0].secret, 1);
    CU_ASSERT_STRING_EQUAL(s->secrets[0].env, "S");
    CU_ASSERT_EQUAL(s->secrets[1].secret, PLR_NONE);
    CU_ASSERT_EQUAL(s->n_volumes, 1);
    CU_ASSERT_EQUAL(s->volumes[0].volume, 2);
    CU_ASSERT_STRING_EQUAL(s->volumes[0].path, "/a/b/c");
    CU_ASSERT_STRING_EQUAL(s->working_dir, "/w");
    CU_ASSERT_EQUAL(s->kubernetes.n_command, 1);
    CU_ASSERT_STRING_EQUAL(s->kubernetes.args[1], "m");
    CU_ASSERT_EQUAL(s->timeout_ns, 60000000000);
    CU_ASSERT_EQUAL(s->retry.attempts, 3);
    CU_ASSERT_EQUAL(s->retry.n_on, 2);
    CU_ASSERT_EQUAL(s->retry.on[0], PLR_REASON_OOM);
    CU_ASSERT_EQUAL(s->retry.on[1], PLR_REASON_NOT_READY);
    CU_ASSERT_EQUAL(s->retry.backoff_ns, 1000000000);
    CU_ASSERT_EQUAL(s->ready->tcp, 2);
    CU_ASSERT_STRING_EQUAL(s->network, "none");
    CU_ASSERT_STRING_EQUAL(s->aliases[0], "al");
}

static void docker_fields(const plr_docker_options *d)
{
    CU_ASSERT_EQUAL(d->n_args, 1);
    CU_ASSERT_STRING_EQUAL(d->args[0], "x");
    CU_ASSERT_EQUAL(d->n_command, 2);
    CU_ASSERT_STRING_EQUAL(d->command[1], "z");
    CU_ASSERT_STRING_EQUAL(d->dns[0], "1.1.1.1");
    CU_ASSERT_STRING_EQUAL(d->dns_search[0], "d");
    CU_ASSERT_STRING_EQUAL(d->extra_hosts[0], "h:1");
    CU_ASSERT_STRING_EQUAL(d->image, "i");
    CU_ASSERT_STRING_EQUAL(d->network, "bridge");
    CU_ASSERT_EQUAL(d->n_networks, 2);
    CU_ASSERT_EQUAL(d->n_ports, 2);
    CU_ASSERT_EQUAL(d->ports[0].port, 80);
    CU_ASSERT_EQUAL(d->ports[0].host, 8080);
    CU_ASSERT_STRING_EQUAL(d->ports[0].protocol, "udp");
    CU_ASSERT_EQUAL(d->ports[1].host, 0);
    CU_ASSERT_STRING_EQUAL(d->ports[1].protocol, "tcp");
    CU_ASSERT_TRUE(d->privileged);
    CU_ASSERT_EQUAL(d->pull_policy, PLR_PULL_IF_NOT_EXISTS);
    CU_ASSERT_EQUAL(d->shm_size, 7);
    CU_ASSERT_STRING_EQUAL(d->user, "1000");
}

static void all_fields(void)
{
    static const char *const host[] = { "host" };
    plr_spec_options options = { .size = sizeof options, .secrets = host, .n_secrets = 1 };
    plr_spec *spec = plr_case_read(everything, &options, NULL);
    CU_ASSERT_PTR_NOT_NULL(spec);
    if (spec == NULL)
        return;
    const plr_document *d = plr_spec_document(spec);
    document_fields(d);
    task_order(d);
    service_fields(d->tasks[0]);
    step_fields(d->tasks[1]);
    docker_fields(&d->tasks[1]->docker);
    CU_ASSERT_EQUAL(d->tasks[2]->run_policy, PLR_RUN_ON_SUCCESS);
    CU_ASSERT_EQUAL(d->tasks[2]->docker.pull_policy, PLR_PULL_DEFAULT);
    CU_ASSERT_PTR_NULL(d->tasks[2]->docker.image);
    plr_spec_unref(spec);
}

/* As generators in Go wrote them: fields named as in their structs, files without metadata, null
 * for what is not there, empty objects for other systems. */
static void documents_in_the_wild(void)
{
    plr_spec *spec = plr_case_read(
            "{'Metadata':{'UID':'uid_1','Namespace':'ns_1','Name':'greet'},'Secrets':null,"
            "'Files':[{'Name':'hello','Data':'ZWNobyBoaQ=='}],"
            "'Steps':[{'Metadata':{'UID':'uid_2','NAME':'one'},'Docker':{'Image':'x','Args':null,"
            "'Pull_Policy':'never','Privileged':false},'RUN_POLICY':'always','Kubernetes':{},"
            "'Detach':false,'DEPENDS_ON':[],'Volumes':null,'Working_Dir':'',"
            "'Environment':{'a':'1','A':'2'},'Files':[{'Name':'hello','Path':'/x','Mode':511}]}]}",
            NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(spec);
    if (spec == NULL)
        return;
    const plr_document *d = plr_spec_document(spec);
    const plr_step *s = d->tasks[0];
    CU_ASSERT_STRING_EQUAL(d->metadata.namespace_name, "ns_1");
    CU_ASSERT_STRING_EQUAL(d->files[0].metadata.name, "hello");
    CU_ASSERT_EQUAL(d->files[0].data.size, 7);
    CU_ASSERT_STRING_EQUAL(s->metadata.uid, "uid_2");
    CU_ASSERT_STRING_EQUAL(s->metadata.name, "one");
    CU_ASSERT_STRING_EQUAL(s->docker.image, "x");
    CU_ASSERT_EQUAL(s->docker.pull_policy, PLR_PULL_NEVER);
    CU_ASSERT_EQUAL(s->run_policy, PLR_RUN_ALWAYS);
    CU_ASSERT_EQUAL(s->n_environment, 2);
    CU_ASSERT_EQUAL(s->files[0].mode, 0777);
    CU_ASSERT_PTR_NULL(s->working_dir);
    CU_ASSERT_TRUE(d->serial);
    plr_spec_unref(spec);
}

static void references(void)
{
    plr_spec *spec = plr_case_read(STEP("'timeout':''"), NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(spec);
    if (spec == NULL)
        return;
    CU_ASSERT_PTR_EQUAL(plr_spec_ref(spec), spec);
    plr_spec_unref(spec);
    CU_ASSERT_EQUAL(plr_spec_document(spec)->n_tasks, 1);
    CU_ASSERT_EQUAL(plr_spec_document(spec)->tasks[0]->line, 2);
    CU_ASSERT_EQUAL(plr_spec_document(spec)->tasks[0]->column, 1);
    plr_spec_unref(spec);
    plr_spec_unref(NULL);
}

static void lenient(void)
{
    static const plr_case cases[] = {
        { "unknown keys are warnings",
                "{'stepz':1,'steps':[{'metadata':{'name':'a'},'imagee':{}}]}",
                "1:2 warning unknown-key /stepz (steps)\n"
                "1:46 warning unknown-key /steps/0/imagee" },
        { "all else is an error still",
                "{'x':1,'steps':[{'metadata':{'name':'a'},'run_policy':'on-failur'}]}",
                "1:2 warning unknown-key /x\n"
                "1:55 unknown-value /steps/0/run_policy (on-failure)" },
    };
    plr_spec_options options = { .size = sizeof options, .lenient = true };
    plr_cases_check(cases, sizeof cases / sizeof *cases, &options);
}

static void without_a_listener(void)
{
    plr_error error = { 0 };
    plr_spec *spec = NULL;
    CU_ASSERT_EQUAL(plr_spec_read(&spec, NULL, "{\"steps\":[]}", 12, NULL, NULL, NULL, &error),
            PLR_ERR_DOCUMENT);
    CU_ASSERT_STRING_EQUAL(error.message, "document:1:10: a document needs at least one step");
    CU_ASSERT_EQUAL(plr_spec_read(&spec, NULL, "", 0, NULL, NULL, NULL, NULL), PLR_ERR_DOCUMENT);
    CU_ASSERT_PTR_NULL(spec);
}

static void places_by_pointers(void)
{
    static const char text[] = "{\"A/b~\":[1,\n {\"X\":null}],\n\"c\":2}";
    static const struct {
        const char *pointer;
        size_t line, column;
    } cases[] = {
        { "", 1, 1 },
        { "/a~1b~0", 1, 9 },
        { "/a~1b~0/0", 1, 10 },
        { "/A~1b~0/1/x", 2, 7 },
        { "/A~1b~0/1/x/y", 2, 7 },
        { "/A~1b~0/2", 1, 9 },
        { "/A~1b~0/1x", 1, 9 },
        { "/c", 3, 5 },
        { "/d/e", 1, 1 },
        { "//", 1, 1 },
        { NULL, 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plr_position at = { 9, 9 };
        CU_ASSERT_EQUAL(plr_spec_locate(text, strlen(text), &cases[i].pointer, 1, &at, NULL), 0);
        CU_ASSERT_EQUAL(at.line, cases[i].line);
        CU_ASSERT_EQUAL(at.column, cases[i].column);
    }
    const char *root = "";
    plr_position nowhere = { 9, 9 };
    CU_ASSERT_EQUAL(plr_spec_locate("", 0, &root, 1, &nowhere, NULL), 0);
    CU_ASSERT_EQUAL(nowhere.line, 0);
}

int main(void)
{
    static const plr_test tests[] = {
        { "places by pointers", places_by_pointers },
        { "each field of the format arrives", all_fields },
        { "documents in the wild are read", documents_in_the_wild },
        { "a spec lives as long as its references", references },
        { "lenient makes unknown keys warnings", lenient },
        { "errors need no listener", without_a_listener },
        { NULL, NULL },
    };
    return plr_test_main("spec", tests);
}
