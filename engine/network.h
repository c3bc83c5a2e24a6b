/* SPDX-License-Identifier: MIT */
/* Which network a run gets when nobody chose one: decided from the document alone. */
#ifndef PLR_NETWORK_H
#define PLR_NETWORK_H

#include <pipeline/backend.h>

plr_network_mode plr_network_auto(const plr_document *document, bool serial_only);

#endif
