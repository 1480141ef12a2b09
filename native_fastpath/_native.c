/* The C twin of pure.py: the module itself. region.c maps files and stores words, tables.c knows keys, rings and rows, scan.c
 * finds the members of a JSON object, outlines.c cuts its long strings, headers.c sorts the headers of requests and answers, sampling.c
 * weighs a sample of a body, texts.c writes identifiers and rate-limit headers, fields.c records of
 * fixed size. Nothing releases the GIL: every call is shorter than handing it over would be. */

#include "region.h"

static PyMethodDef functions[] = {
    {"base62", base62, METH_O, "16 bytes as 22 base62 characters."},
    {"fold_names", (PyCFunction)(void (*)(void))fold_names, METH_FASTCALL, "Puts the names of headers in lower case."},
    {"keep_headers", (PyCFunction)(void (*)(void))keep_headers, METH_FASTCALL,
     "Headers without those of some names or beginnings."},
    {"members", members, METH_O, "The top-level members of a JSON object: (raw key, value start, value end)."},
    {"outline", (PyCFunction)(void (*)(void))outline, METH_FASTCALL, "A JSON text with its long strings cut short."},
    {"pack_fields", (PyCFunction)(void (*)(void))pack_fields, METH_FASTCALL, "A record of fixed size from its fields."},
    {"sort_headers", (PyCFunction)(void (*)(void))sort_headers, METH_FASTCALL,
     "Splits headers into a block to send on and notes to look at."},
    {"tell_limits", (PyCFunction)(void (*)(void))tell_limits, METH_FASTCALL, "The headers that tell a caller of its limits."},
    {"weigh", (PyCFunction)(void (*)(void))weigh, METH_FASTCALL, "What a sample of a body weighs, each byte by a table."},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &region_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int failed = PyModule_AddObjectRef(module, "Region", type);
    Py_DECREF(type);
    if (failed < 0 || PyModule_AddIntConstant(module, "KEY_USED", KEY_USED) < 0 ||
        PyModule_AddIntConstant(module, "ROW_HEADER", ROW_HEADER) < 0 ||
        PyModule_AddIntConstant(module, "RING_HEADER", RING_HEADER) < 0) {
        return -1;
    }
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)execute},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "native_fastpath._native",
    .m_doc = "Atomic work on a mapped file and a JSON boundary scanner.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&definition); }
