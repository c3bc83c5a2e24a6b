/* SPDX-License-Identifier: MIT */
/* The one encoder of events: a line of JSON each, as docs/events.md describes it.
 * What is absent, zero, false or unknown is left out, so that lines stay short. */
#include <pipeline/event.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_gen.h>

#include "engine/base/buf.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

/* yajl's generator allocates when it is made, twice and less than a KB, and never looks for NULL.
 * So it gets this memory, and if it ever asks for more the encoder is left. */
typedef struct gen_memory {
    _Alignas(max_align_t) unsigned char bytes[4096];
    size_t used;
    jmp_buf out;
} gen_memory;

static void *gen_malloc(void *context, size_t size)
{
    gen_memory *memory = context;
    size_t rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (rounded < size || rounded > sizeof memory->bytes - memory->used)
        longjmp(memory->out, 1);
    void *block = memory->bytes + memory->used;
    memory->used += rounded;
    return block;
}

static void *gen_realloc(void *context, void *block, size_t size)
{
    (void)block;
    (void)size;
    longjmp(((gen_memory *)context)->out, 1);
}

static void gen_free(void *context, void *block)
{
    (void)context;
    (void)block;
}

typedef struct writer {
    yajl_gen gen;
    plr_buf line;
} writer;

static void print(void *context, const char *text, size_t size)
{
    plr_buf_put(context, text, size);
}

static void put_key(writer *w, const char *key)
{
    yajl_gen_string(w->gen, (const unsigned char *)key, strlen(key));
}

static void put_bytes(writer *w, const char *key, const char *text, size_t size)
{
    put_key(w, key);
    yajl_gen_string(w->gen, (const unsigned char *)text, size);
}

/* What a daemon or a registry said may hold anything: bytes that are not UTF-8 become U+FFFD. */
static void put_repaired(writer *w, const char *key, const char *text, size_t valid)
{
    _cleanup_buf_ plr_buf repaired = { 0 };
    while (text[valid] != '\0') {
        plr_buf_put(&repaired, text, valid);
        plr_buf_puts(&repaired, "\xef\xbf\xbd");
        text += valid + 1;
        valid = plr_utf8_valid_prefix(text, strlen(text));
    }
    plr_buf_put(&repaired, text, valid);
    if (repaired.failed)
        w->line.failed = true;
    else
        put_bytes(w, key, repaired.data, repaired.size);
}

static void put_text(writer *w, const char *key, const char *text)
{
    if (text == NULL)
        return;
    size_t size = strlen(text), valid = plr_utf8_valid_prefix(text, size);
    if (valid == size)
        put_bytes(w, key, text, size);
    else
        put_repaired(w, key, text, valid);
}

static void put_number(writer *w, const char *key, uint64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    put_key(w, key);
    yajl_gen_number(w->gen, digits, (size_t)length);
}

static void put_known(writer *w, const char *key, uint64_t number)
{
    if (number > 0)
        put_number(w, key, number);
}

static void put_true(writer *w, const char *key, bool value)
{
    if (!value)
        return;
    put_key(w, key);
    yajl_gen_bool(w->gen, true);
}

static void put_time(writer *w, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    int64_t rest = wall_ns % 1000000000;
    struct tm utc;
    char date[32], text[64];
    if (rest < 0) { /* before 1970, on a machine whose clock was never set */
        rest += 1000000000;
        seconds--;
    }
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%09" PRId64 "Z", date, rest);
    put_text(w, "time", text);
}

static const char *kind_word(plr_step_kind kind)
{
    return kind == PLR_STEP_SERVICE ? "service" : kind == PLR_STEP_STEP ? "step" : "hook";
}

static void put_plan(writer *w, const plr_document *document)
{
    put_key(w, "steps");
    yajl_gen_array_open(w->gen);
    for (size_t i = 0; i < document->n_tasks; i++) {
        const plr_step *step = document->tasks[i];
        yajl_gen_map_open(w->gen);
        put_text(w, "name", step->metadata.name);
        put_text(w, "kind", kind_word(step->kind));
        put_true(w, "detach", step->detach);
        if (step->n_dependencies > 0) {
            put_key(w, "after");
            yajl_gen_array_open(w->gen);
            for (size_t j = 0; j < step->n_dependencies; j++)
                yajl_gen_integer(w->gen, (long long)step->dependencies[j]);
            yajl_gen_array_close(w->gen);
        }
        yajl_gen_map_close(w->gen);
    }
    yajl_gen_array_close(w->gen);
}

static void put_usage(writer *w, const plr_usage *usage)
{
    if (usage->cpu_user_us == 0 && usage->cpu_system_us == 0 && usage->memory_peak == 0 &&
            usage->read_bytes == 0 && usage->written_bytes == 0 && usage->ran_us == 0)
        return;
    put_key(w, "usage");
    yajl_gen_map_open(w->gen);
    put_known(w, "cpu_user_us", usage->cpu_user_us);
    put_known(w, "cpu_system_us", usage->cpu_system_us);
    put_known(w, "memory_peak", usage->memory_peak);
    put_known(w, "read_bytes", usage->read_bytes);
    put_known(w, "written_bytes", usage->written_bytes);
    put_known(w, "ran_us", usage->ran_us);
    yajl_gen_map_close(w->gen);
}

static void put_end(writer *w, const plr_end *end)
{
    put_key(w, "end");
    yajl_gen_map_open(w->gen);
    put_text(w, "reason", plr_reason_name(end->reason));
    if (end->fault != PLR_FAULT_NONE)
        put_text(w, "fault", plr_fault_name(end->fault));
    if (end->exit_code >= 0)
        put_number(w, "exit_code", (uint64_t)end->exit_code);
    if (end->signal > 0)
        put_number(w, "signal", (uint64_t)end->signal);
    if (end->reason == PLR_REASON_SKIPPED)
        put_text(w, "skip", plr_skip_name(end->skip));
    put_true(w, "oom", end->oom);
    put_true(w, "ignored", end->ignored);
    put_true(w, "failed", end->failed);
    put_true(w, "will_retry", end->will_retry);
    put_text(w, "message", end->message);
    put_usage(w, &end->usage);
    yajl_gen_map_close(w->gen);
}

static void put_output(writer *w, const plr_event *event)
{
    const char *data = event->u.output.data;
    size_t size = event->u.output.size;
    unsigned flags = event->u.output.flags;
    put_text(w, "stream", event->u.output.stream == PLR_STREAM_STDERR ? "stderr" : "stdout");
    put_number(w, "offset", event->u.output.offset);
    put_true(w, "partial", flags & PLR_OUTPUT_PARTIAL);
    put_true(w, "split", flags & PLR_OUTPUT_SPLIT);
    put_true(w, "gap", flags & PLR_OUTPUT_GAP);
    put_true(w, "notice", flags & PLR_OUTPUT_NOTICE);
    if (size == 0 || plr_utf8_valid_prefix(data, size) == size) {
        put_bytes(w, "text", size > 0 ? data : "", size);
        return;
    }
    _cleanup_buf_ plr_buf base64 = { 0 };
    if (plr_base64_encode(data, size, false, &base64, NULL) < 0)
        w->line.failed = true;
    else
        put_bytes(w, "base64", base64.data, base64.size);
}

static void put_result(writer *w, const plr_result *result)
{
    put_text(w, "outcome", plr_outcome_name(result->outcome));
    if (result->reason != PLR_REASON_NONE)
        put_text(w, "reason", plr_reason_name(result->reason));
    if (result->task != PLR_NONE)
        put_number(w, "cause", result->task);
    put_number(w, "exit_code", (uint64_t)result->exit_code);
    put_number(w, "passed", result->n_passed);
    put_number(w, "failed", result->n_failed);
    put_number(w, "skipped", result->n_skipped);
    put_number(w, "duration_ns", result->duration_ns);
    if (result->message[0] != '\0')
        put_text(w, "message", result->message);
}

static void put_body(writer *w, const plr_event *event)
{
    switch (event->type) {
    case PLR_EVENT_RUN_STARTED:
        put_text(w, "backend", event->u.run_started.backend);
        put_text(w, "name", event->u.run_started.name);
        put_text(w, "version", event->u.run_started.version);
        if (event->u.run_started.document != NULL)
            put_plan(w, event->u.run_started.document);
        break;
    case PLR_EVENT_STEP:
        put_text(w, "from", plr_state_name(event->u.moved.from));
        put_text(w, "to", plr_state_name(event->u.moved.to));
        if (event->u.moved.end != NULL)
            put_end(w, event->u.moved.end);
        break;
    case PLR_EVENT_PULL:
        put_text(w, "image", event->u.pull.image);
        put_text(w, "layer", event->u.pull.layer);
        put_text(w, "status", event->u.pull.status);
        put_known(w, "current", event->u.pull.current);
        put_known(w, "total", event->u.pull.total);
        break;
    case PLR_EVENT_OUTPUT:
        put_output(w, event);
        break;
    case PLR_EVENT_WARNING:
        put_text(w, "message", event->u.warning.message);
        break;
    case PLR_EVENT_NOTICE:
        put_text(w, "message", event->u.notice.message);
        break;
    case PLR_EVENT_RUN_ENDED:
        put_result(w, event->u.run_ended.result);
        break;
    }
}

static void put_event(writer *w, const plr_event *event)
{
    yajl_gen_map_open(w->gen);
    put_text(w, "event", plr_event_type_name(event->type));
    put_text(w, "run", event->run);
    put_number(w, "sequence", event->sequence);
    put_time(w, event->wall_ns);
    put_number(w, "monotonic_ns", event->monotonic_ns);
    if (event->task != PLR_NONE) {
        put_number(w, "task", event->task);
        put_text(w, "step", event->step);
        put_known(w, "attempt", event->attempt);
    }
    put_body(w, event);
    yajl_gen_map_close(w->gen);
}

int plr_event_to_json(const plr_event *event, char **ret_text, plr_error *err)
{
    gen_memory memory;
    yajl_alloc_funcs functions = { gen_malloc, gen_realloc, gen_free, &memory };
    writer w = { 0 };
    memory.used = 0;
    if (setjmp(memory.out) != 0)
        return plr_error_nomem(err); /* before anything was written */
    w.gen = yajl_gen_alloc(&functions);
    yajl_gen_config(w.gen, yajl_gen_print_callback, print, &w.line);
    put_event(&w, event);
    int r = plr_buf_steal(&w.line, ret_text, err);
    plr_buf_clear(&w.line);
    return r;
}
