/* The function of results.py that writes events, which is where the time of writing results goes.
   results.py defines what it does; tests compare. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Fields of abci.ExecTxResult, abci.Event and abci.EventAttribute (CometBFT 0.38). */
enum { TAG_EVENTS = 7 << 3 | 2 };
enum { TAG_TYPE = 1 << 3 | 2, TAG_ATTRIBUTES = 2 << 3 | 2 };
enum { TAG_KEY = 1 << 3 | 2, TAG_VALUE = 2 << 3 | 2, TAG_INDEX = 3 << 3 };

typedef struct {
    const char *bytes;
    Py_ssize_t size;
} Text;

static int get_text(PyObject *object, Text *text)
{
    text->bytes = PyUnicode_AsUTF8AndSize(object, &text->size);
    return text->bytes == NULL ? -1 : 0;
}

static Py_ssize_t get_varint_size(Py_ssize_t number)
{
    Py_ssize_t size = 1;
    while (number >>= 7)
        size++;
    return size;
}

/* A tag of one byte, a length and so many bytes; no text is written as no field. */
static Py_ssize_t get_field_size(Py_ssize_t size)
{
    return 1 + get_varint_size(size) + size;
}

static Py_ssize_t get_text_size(const Text *text)
{
    return text->size ? get_field_size(text->size) : 0;
}

static char *put_head(char *at, char tag, Py_ssize_t size)
{
    *at++ = tag;
    for (; size >= 0x80; size >>= 7)
        *at++ = (char)(size | 0x80);
    *at++ = (char)size;
    return at;
}

static char *put_text(char *at, char tag, const Text *text)
{
    if (!text->size)
        return at;
    at = put_head(at, tag, text->size);
    memcpy(at, text->bytes, text->size);
    return at + text->size;
}

typedef struct {
    Text key, value;
    int is_indexed;
} Attribute;

static int get_attribute(PyObject *pair, PyObject *unindexed, Attribute *attribute)
{
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
        PyErr_SetString(PyExc_TypeError, "an attribute is a key and a value");
        return -1;
    }
    if (get_text(PyTuple_GET_ITEM(pair, 0), &attribute->key) < 0 ||
        get_text(PyTuple_GET_ITEM(pair, 1), &attribute->value) < 0)
        return -1;
    const int found = PySet_Contains(unindexed, PyTuple_GET_ITEM(pair, 0));
    attribute->is_indexed = !found;
    return found < 0 ? -1 : 0;
}

static Py_ssize_t get_attribute_size(const Attribute *attribute)
{
    return get_text_size(&attribute->key) + get_text_size(&attribute->value) +
           (attribute->is_indexed ? 2 : 0);
}

typedef struct {
    Text name;
    /* A tuple of pairs of texts. */
    PyObject *pairs;
    /* Of its content. */
    Py_ssize_t size;
} Event;

static int get_event(PyObject *object, PyObject *unindexed, Event *event)
{
    if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != 2 ||
        !PyTuple_Check(PyTuple_GET_ITEM(object, 1))) {
        PyErr_SetString(PyExc_TypeError, "an event is a name and a tuple of attributes");
        return -1;
    }
    if (get_text(PyTuple_GET_ITEM(object, 0), &event->name) < 0)
        return -1;
    event->pairs = PyTuple_GET_ITEM(object, 1);
    event->size = get_text_size(&event->name);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(event->pairs); i++) {
        Attribute attribute;
        if (get_attribute(PyTuple_GET_ITEM(event->pairs, i), unindexed, &attribute) < 0)
            return -1;
        event->size += get_field_size(get_attribute_size(&attribute));
    }
    return 0;
}

/* Writes what get_event has measured: nothing here can fail that has not failed there. */
static char *put_event(char *at, PyObject *unindexed, const Event *event)
{
    at = put_head(at, TAG_EVENTS, event->size);
    at = put_text(at, TAG_TYPE, &event->name);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(event->pairs); i++) {
        Attribute attribute;
        if (get_attribute(PyTuple_GET_ITEM(event->pairs, i), unindexed, &attribute) < 0)
            return NULL;
        at = put_head(at, TAG_ATTRIBUTES, get_attribute_size(&attribute));
        at = put_text(at, TAG_KEY, &attribute.key);
        at = put_text(at, TAG_VALUE, &attribute.value);
        if (attribute.is_indexed) {
            *at++ = TAG_INDEX;
            *at++ = 1;
        }
    }
    return at;
}

/* The size of all events, each measured; -1 with an error set. */
static Py_ssize_t get_events(PyObject *list, PyObject *unindexed, Event *events)
{
    Py_ssize_t size = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        if (get_event(PyList_GET_ITEM(list, i), unindexed, &events[i]) < 0)
            return -1;
        size += get_field_size(events[i].size);
    }
    return size;
}

static PyObject *write_events(PyObject *list, PyObject *unindexed, Event *events)
{
    const Py_ssize_t size = get_events(list, unindexed, events);
    PyObject *written = size < 0 ? NULL : PyBytes_FromStringAndSize(NULL, size);
    if (written == NULL)
        return NULL;
    char *at = PyBytes_AS_STRING(written);
    for (Py_ssize_t i = 0; at && i < PyList_GET_SIZE(list); i++)
        at = put_event(at, unindexed, &events[i]);
    if (at == NULL)
        Py_CLEAR(written);
    return written;
}

/* encode_events(events, unindexed), as in results.py. */
static PyObject *encode_events(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2 || !PyList_Check(arguments[0]) || !PyAnySet_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "encode_events takes a list and a set");
        return NULL;
    }
    Event *events = PyMem_Calloc(PyList_GET_SIZE(arguments[0]) + 1, sizeof(Event));
    if (events == NULL)
        return PyErr_NoMemory();
    PyObject *written = write_events(arguments[0], arguments[1], events);
    PyMem_Free(events);
    return written;
}

static PyMethodDef methods[] = {
    {"encode_events", (PyCFunction)(void (*)(void))encode_events, METH_FASTCALL, NULL},
    {NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "abci_app.results_native", .m_methods = methods, .m_size = -1
};

PyMODINIT_FUNC PyInit_results_native(void)
{
    return PyModule_Create(&module);
}
