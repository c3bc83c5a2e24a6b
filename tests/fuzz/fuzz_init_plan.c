/* SPDX-License-Identifier: MIT */
/* What an init in a pod reads: a plan, then, each behind a NUL, the host's words and records of the
 * first step's attempts and of those behind it. Whatever it is, the init comes to a decision
 * without reading or writing where it must not, and a plan that it took is one that is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "init/knowledge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes up to the next NUL, in memory of their own: the sanitizers see a read beyond them. */
static char *next_text(const uint8_t **data, size_t *size, size_t *ret_size)
{
    const uint8_t *nul = *size > 0 ? memchr(*data, '\0', *size) : NULL;
    size_t length = nul != NULL ? (size_t)(nul - *data) : *size;
    char *text = malloc(length + 1);
    if (text == NULL)
        abort();
    if (length > 0)
        memcpy(text, *data, length);
    text = realloc(text, length > 0 ? length : 1);
    *ret_size = length;
    *data += length + (nul != NULL);
    *size -= length + (nul != NULL);
    return text;
}

/* Written and read again, it is the same text. */
static void check_plan(const plr_init_plan *plan)
{
    size_t size = plr_init_plan_write(plan, NULL, 0), room_size = PLR_INIT_PLAN_ROOM(size);
    char *text = malloc(size), *again = malloc(size);
    void *room = calloc(1, room_size);
    plr_init_plan read;
    if (text == NULL || again == NULL || room == NULL ||
            plr_init_plan_write(plan, text, size) != size ||
            plr_init_plan_read(&read, text, size, room, room_size) < 0 ||
            plr_init_plan_write(&read, again, size) != size || memcmp(text, again, size) != 0)
        abort();
    free(text);
    free(again);
    free(room);
}

static void decide(plr_knowledge *k, const uint8_t *data, size_t size)
{
    size_t text_size;
    char late[64], *text = next_text(&data, &size, &text_size);
    plr_rule_answer why;
    plr_knowledge_init(k);
    plr_knowledge_hear(k, text, text_size);
    for (size_t n = 0; plr_knowledge_take_stop(k, text, text_size) != 0; n++)
        if (n > text_size)
            abort();
    if (plr_knowledge_late(k, text, text_size, late, sizeof late) > (long)sizeof late)
        abort();
    free(text);
    for (size_t i = 0; size > 0; i = (i + 1) % k->plan.graph.n) {
        text = next_text(&data, &size, &text_size);
        plr_knowledge_update(k);
        plr_knowledge_wants(k, i, 1);
        plr_knowledge_see(k, i, 1, text, text_size);
        free(text);
    }
    plr_knowledge_update(k);
    plr_turn turn = plr_knowledge_turn(k, &why);
    if (turn != plr_knowledge_turn(k, &why))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t text_size;
    char *text = next_text(&data, &size, &text_size);
    size_t room_size = PLR_INIT_PLAN_ROOM(text_size);
    void *room = calloc(1, room_size);
    plr_knowledge k = { .attempt = 1 };
    if (room == NULL)
        abort();
    if (plr_init_plan_read(&k.plan, text, text_size, room, room_size) == 0 && k.plan.graph.n > 0) {
        check_plan(&k.plan);
        decide(&k, data, size);
    }
    free(text);
    free(room);
    return 0;
}
