/* SPDX-License-Identifier: MIT */
/* The whole public API of libpipeline-runtime for hosts: errors, documents, engine, runs, events.
 * Writers of backends include <pipeline/backend.h> besides. */
#ifndef PIPELINE_PIPELINE_H
#define PIPELINE_PIPELINE_H

#include <pipeline/engine.h>
#include <pipeline/error.h>
#include <pipeline/event.h>
#include <pipeline/run.h>
#include <pipeline/spec.h>

#endif
