/* SPDX-License-Identifier: MIT */
/* A log as a kubelet sends it: however it is cut, the same comes out; and read a second time from
 * its begin, nothing of it comes out again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/kubernetes/resume.h"
#include "engine/base/buf.h"

typedef struct told {
    plr_buf text;
    size_t n_output;
} told;

static void on_piece(plr_kube_piece piece, const void *data, size_t size, void *userdata)
{
    told *t = userdata;
    if (piece == PLR_KUBE_PIECE_OUTPUT) {
        if (size == 0)
            abort();
        t->n_output += size;
        plr_buf_put(&t->text, data, size);
    } else {
        plr_buf_printf(&t->text, "{%d %.*s}", piece, (int)size, (const char *)data);
    }
}

static void feed(plr_kube_resume *resume, const uint8_t *data, size_t size, size_t piece, told *t)
{
    char since[32];
    plr_kube_resume_open(resume);
    for (size_t at = 0; at < size; at += piece)
        plr_kube_resume_feed(resume, data + at, size - at < piece ? size - at : piece, on_piece, t);
    plr_kube_resume_end(resume, on_piece, t);
    if (plr_kube_resume_since(resume, since, sizeof(since)) && since[strlen(since) - 1] != 'Z')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plr_kube_resume one = { .any = false }, two = { .any = false };
    told whole = { .n_output = 0 }, pieces = { .n_output = 0 };
    if (size == 0)
        return 0;
    feed(&one, data + 1, size - 1, size, &whole);
    feed(&two, data + 1, size - 1, data[0] > 0 ? data[0] : 1, &pieces);
    if (whole.text.size != pieces.text.size ||
            (whole.text.size > 0 &&
                    memcmp(whole.text.data, pieces.text.data, whole.text.size) != 0))
        abort();
    size_t n = whole.n_output;
    feed(&one, data + 1, size - 1, size, &whole);
    if (whole.n_output != n || (one.any && !plr_kube_resume_is_joined(&one)))
        abort();
    plr_buf_clear(&whole.text);
    plr_buf_clear(&pieces.text);
    return 0;
}
