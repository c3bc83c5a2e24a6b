/* SPDX-License-Identifier: MIT */
/* The forms in which a secret shows up in output: as it is, and as programs encode it.
 * Where encoders differ, each way that one in common use has is a form of its own. */
#ifndef PLR_MASK_FORMS_H
#define PLR_MASK_FORMS_H

#include <stddef.h>

#include <pipeline/error.h>

/* Takes one form; it is borrowed. A negative value ends the row. */
typedef int plr_mask_form_fn(
        const unsigned char *form, size_t size, void *userdata, plr_error *err);

/*
 * Tells the derived forms of a secret that have at least PLR_MASK_SHORTEST_FORM bytes; the same
 * form may come more than once.
 *
 * base64, standard and URL-safe: at each of the three offsets at which the secret may stand in what
 * was encoded, the characters that the secret alone decides; at its end also those that end the
 * text, with padding and without; and cut into lines of 76 and of 64, as base64(1) and PEM do.
 * Percent-encoded: for what each kind of encoder leaves alone, with upper- and lower-case digits,
 * blanks as %20 and as +. JSON strings: for what each kind of encoder escapes.
 */
int plr_mask_forms(const unsigned char *secret, size_t size, plr_mask_form_fn *on_form,
        void *userdata, plr_error *err);

#endif
