/* SPDX-License-Identifier: MIT */
/* Small moves over json-c; a missing member and one of another kind read the same. */
#include "net/jsonc.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEPTH 64

bool plr_jsonc_add(json_object *object, const char *key, json_object *value)
{
    if (object != NULL && value != NULL && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool plr_jsonc_append(json_object *array, json_object *value)
{
    if (array != NULL && value != NULL && json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

json_object *plr_jsonc_object(const char *key, ...)
{
    va_list more;
    json_object *object = json_object_new_object();
    bool good = object != NULL;
    va_start(more, key);
    for (; key != NULL; key = va_arg(more, const char *))
        good = plr_jsonc_add(object, key, va_arg(more, json_object *)) && good;
    va_end(more);
    if (good)
        return object;
    json_object_put(object);
    return NULL;
}

json_object *plr_jsonc_list(json_object *value)
{
    json_object *array = json_object_new_array();
    if (plr_jsonc_append(array, value))
        return array;
    json_object_put(array);
    return NULL;
}

json_object *plr_jsonc_values(json_object *object)
{
    _cleanup_json_ json_object *from = object, *array = json_object_new_array();
    if (from == NULL)
        return NULL;
    json_object_object_foreach(from, key, value)
    {
        (void)key;
        if (!plr_jsonc_append(array, json_object_get(value)))
            return NULL;
    }
    return steal(array);
}

json_object *plr_jsonc_string(const char *text)
{
    return json_object_new_string(text);
}

json_object *plr_jsonc_strings(const char *const *texts, size_t n)
{
    _cleanup_json_ json_object *array = json_object_new_array();
    for (size_t i = 0; i < n; i++)
        if (!plr_jsonc_append(array, plr_jsonc_string(texts[i])))
            return NULL;
    return steal(array);
}

json_object *plr_jsonc_get(json_object *object, const char *key, json_type type)
{
    json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object) ||
            !json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
        return NULL;
    return value;
}

json_object *plr_jsonc_at(json_object *object, json_type type, ...)
{
    va_list keys;
    va_start(keys, type);
    const char *key = va_arg(keys, const char *);
    while (key != NULL && object != NULL) {
        const char *next = va_arg(keys, const char *);
        object = plr_jsonc_get(object, key, next == NULL ? type : json_type_object);
        key = next;
    }
    va_end(keys);
    return object;
}

const char *plr_jsonc_text(json_object *object, const char *key)
{
    json_object *value = plr_jsonc_get(object, key, json_type_string);
    return value == NULL ? "" : json_object_get_string(value);
}

int64_t plr_jsonc_number(json_object *object, const char *key)
{
    json_object *value = plr_jsonc_get(object, key, json_type_int);
    return value == NULL ? 0 : json_object_get_int64(value);
}

bool plr_jsonc_true(json_object *object, const char *key)
{
    json_object *value = plr_jsonc_get(object, key, json_type_boolean);
    return value != NULL && json_object_get_boolean(value);
}

json_object *plr_jsonc_parse(const char *text, size_t size)
{
    json_tokener *tokener = size > INT_MAX ? NULL : json_tokener_new_ex(DEPTH);
    if (tokener == NULL)
        return NULL;
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    json_object *json = json_tokener_parse_ex(tokener, text, (int)size);
    /* A number ends only with what follows it. */
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        json = json_tokener_parse_ex(tokener, "\n", 1);
    json_tokener_free(tokener);
    return json;
}

int64_t plr_jsonc_time(const char *text)
{
    struct tm tm = { 0 };
    char sign = 'Z';
    int hours = 0, minutes = 0;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL)
        return 0;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (*rest != 'Z' && sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) != 3)
        return 0;
    int64_t offset = (int64_t)(hours * 60 + minutes) * 60;
    return (int64_t)timegm(&tm) - (sign == '-' ? -offset : offset);
}
