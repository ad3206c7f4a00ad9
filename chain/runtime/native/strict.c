/* The functions of strict.py, which defines what they do; tests compare.

   `read` answers None wherever it is not sure, and the definition decides then: what it gives must be
   right, what it does not give costs time only. It holds no state but the layouts. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* As in strict.py. */
enum { UINT64, UINT32, INT64, INT32, BOOL, STRING, BYTES, MESSAGE, KINDS };
enum { WIRE_VARINT = 0, WIRE_LENGTH = 2 };
/* Deeper messages are left to the definition. */
enum { DEPTH_MAX = 16, FIELDS_MAX = 1024 };
static const char LAYOUT[] = "chain.runtime.native.strict.layout";

typedef struct Layout Layout;

typedef struct {
    uint32_t number;
    uint8_t kind;
    /* Whether there may be several; whether one that has its default is written. */
    uint8_t repeated, presence;
    /* Of the message in it. The capsule keeps it alive. */
    const Layout *inner;
    PyObject *capsule;
} Field;

struct Layout {
    Py_ssize_t count;
    /* What stands where nothing was sent, a tuple. */
    PyObject *defaults;
    Field fields[];
};

/* Where in the bytes we are, and where they end. */
typedef struct {
    const uint8_t *at, *end;
} Cursor;

/* ANSWER_NO: not the one encoding, or not known to be; ANSWER_ERROR: a Python error is set. */
typedef enum { ANSWER_ERROR = -1, ANSWER_NO, ANSWER_YES } Answer;

/* A number below 2^64 in as few bytes as possible. */
static Answer read_varint(Cursor *cursor, uint64_t *value)
{
    uint64_t read = 0;
    for (int shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        const uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1)
            return ANSWER_NO;
        read |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = read;
            return byte || !shift ? ANSWER_YES : ANSWER_NO;
        }
    }
    return ANSWER_NO;
}

/* The bytes behind a length, which must all be there. */
static Answer read_part(Cursor *cursor, Cursor *part)
{
    uint64_t size;
    if (read_varint(cursor, &size) != ANSWER_YES || size > (uint64_t)(cursor->end - cursor->at))
        return ANSWER_NO;
    part->at = cursor->at;
    part->end = cursor->at += size;
    return ANSWER_YES;
}

static int is_in_range(uint64_t value, uint8_t kind)
{
    switch (kind) {
    case UINT32:
        return value <= UINT32_MAX;
    case INT32:
        return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
    case BOOL:
        return value <= 1;
    default:
        return 1;
    }
}

static PyObject *make_number(uint64_t value, uint8_t kind)
{
    if (kind == BOOL)
        return PyBool_FromLong((long)value);
    if (kind == INT64 || kind == INT32)
        return PyLong_FromLongLong((int64_t)value);
    return PyLong_FromUnsignedLongLong(value);
}

/* In what follows, *made is where a new reference goes; made is NULL if only the form is asked for. */

static Answer read_number(Cursor *cursor, const Field *field, PyObject **made)
{
    uint64_t value;
    if (read_varint(cursor, &value) != ANSWER_YES || !is_in_range(value, field->kind))
        return ANSWER_NO;
    if (!value && !field->presence && !field->repeated)
        return ANSWER_NO;
    if (made == NULL)
        return ANSWER_YES;
    *made = make_number(value, field->kind);
    return *made == NULL ? ANSWER_ERROR : ANSWER_YES;
}

static int is_ascii(const Cursor *text)
{
    for (const uint8_t *at = text->at; at < text->end; at++)
        if (*at >= 0x80)
            return 0;
    return 1;
}

static Answer read_text(const Cursor *text, PyObject **made)
{
    if (made == NULL && is_ascii(text))
        return ANSWER_YES;
    PyObject *decoded = PyUnicode_DecodeUTF8((const char *)text->at, text->end - text->at, NULL);
    if (decoded == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
            return ANSWER_ERROR;
        PyErr_Clear();
        return ANSWER_NO;
    }
    if (made != NULL)
        *made = decoded;
    else
        Py_DECREF(decoded);
    return ANSWER_YES;
}

static Answer read_message(Cursor content, const Layout *layout, int depth, PyObject **made);

/* One text, sequence of bytes, or message. */
static Answer read_content(Cursor content, const Field *field, int depth, PyObject **made)
{
    if (field->kind == MESSAGE)
        return read_message(content, field->inner, depth + 1, made);
    if (content.at == content.end && !field->presence && !field->repeated)
        return ANSWER_NO;
    if (field->kind == STRING)
        return read_text(&content, made);
    if (made == NULL)
        return ANSWER_YES;
    *made = PyBytes_FromStringAndSize((const char *)content.at, content.end - content.at);
    return *made == NULL ? ANSWER_ERROR : ANSWER_YES;
}

/* Puts an item that was read at the end of a list. */
static Answer append(PyObject *list, PyObject *item)
{
    const int failed = PyList_Append(list, item);
    Py_DECREF(item);
    return failed ? ANSWER_ERROR : ANSWER_YES;
}

/* Numbers that stand together behind one length. */
static Answer read_packed(Cursor *cursor, const Field *field, PyObject *list)
{
    Cursor part;
    if (read_part(cursor, &part) != ANSWER_YES || part.at == part.end)
        return ANSWER_NO;
    Answer answer = ANSWER_YES;
    while (answer == ANSWER_YES && part.at < part.end) {
        PyObject *item = NULL;
        answer = read_number(&part, field, list ? &item : NULL);
        if (answer == ANSWER_YES && list)
            answer = append(list, item);
    }
    return answer;
}

/* Items of a field as long as its tag comes again; the first tag has been read. */
static Answer read_items(Cursor *cursor, const Field *field, int depth, PyObject *list)
{
    const uint64_t tag = (uint64_t)field->number << 3 | WIRE_LENGTH;
    for (;;) {
        Cursor part;
        PyObject *item = NULL;
        if (read_part(cursor, &part) != ANSWER_YES)
            return ANSWER_NO;
        Answer answer = read_content(part, field, depth, list ? &item : NULL);
        if (answer == ANSWER_YES && list)
            answer = append(list, item);
        if (answer != ANSWER_YES)
            return answer;
        Cursor next = *cursor;
        uint64_t following;
        if (next.at == next.end || read_varint(&next, &following) != ANSWER_YES || following != tag)
            return ANSWER_YES;
        *cursor = next;
    }
}

static Answer read_repeated(Cursor *cursor, const Field *field, int depth, PyObject **made)
{
    PyObject *list = made ? PyList_New(0) : NULL;
    if (made && list == NULL)
        return ANSWER_ERROR;
    const int is_number = field->kind < STRING;
    Answer answer = is_number ? read_packed(cursor, field, list)
                              : read_items(cursor, field, depth, list);
    if (answer == ANSWER_YES && made && (*made = PyList_AsTuple(list)) == NULL)
        answer = ANSWER_ERROR;
    Py_XDECREF(list);
    return answer;
}

static Answer read_field(
    Cursor *cursor, const Field *field, unsigned wire_type, int depth, PyObject **made)
{
    const int is_number = field->kind < STRING;
    if (wire_type != (is_number && !field->repeated ? WIRE_VARINT : WIRE_LENGTH))
        return ANSWER_NO;
    if (field->repeated)
        return read_repeated(cursor, field, depth, made);
    if (is_number)
        return read_number(cursor, field, made);
    Cursor part;
    if (read_part(cursor, &part) != ANSWER_YES)
        return ANSWER_NO;
    return read_content(part, field, depth, made);
}

/* Fields in the order of their numbers, each once. */
static Answer read_fields(Cursor cursor, const Layout *layout, int depth, PyObject *values)
{
    Py_ssize_t next = 0;
    while (cursor.at < cursor.end) {
        uint64_t tag;
        if (read_varint(&cursor, &tag) != ANSWER_YES)
            return ANSWER_NO;
        while (next < layout->count && layout->fields[next].number < tag >> 3)
            next++;
        if (next == layout->count || layout->fields[next].number != tag >> 3)
            return ANSWER_NO;
        PyObject *value = NULL;
        const Answer answer = read_field(
            &cursor, &layout->fields[next], tag & 7, depth, values ? &value : NULL);
        if (answer != ANSWER_YES)
            return answer;
        if (values) {
            Py_DECREF(PyTuple_GET_ITEM(values, next));
            PyTuple_SET_ITEM(values, next, value);
        }
        next++;
    }
    return ANSWER_YES;
}

static Answer read_message(Cursor content, const Layout *layout, int depth, PyObject **made)
{
    if (depth > DEPTH_MAX)
        return ANSWER_NO;
    if (made == NULL)
        return read_fields(content, layout, depth, NULL);
    PyObject *values = PyTuple_New(layout->count);
    if (values == NULL)
        return ANSWER_ERROR;
    for (Py_ssize_t i = 0; i < layout->count; i++)
        PyTuple_SET_ITEM(values, i, Py_NewRef(PyTuple_GET_ITEM(layout->defaults, i)));
    const Answer answer = read_fields(content, layout, depth, values);
    if (answer == ANSWER_YES)
        *made = values;
    else
        Py_DECREF(values);
    return answer;
}

static void free_layout(Layout *layout)
{
    for (Py_ssize_t i = 0; i < layout->count; i++)
        Py_XDECREF(layout->fields[i].capsule);
    Py_XDECREF(layout->defaults);
    PyMem_Free(layout);
}

static void free_capsule(PyObject *capsule)
{
    free_layout(PyCapsule_GetPointer(capsule, LAYOUT));
}

/* One field of a layout, from (number, kind, repeated, presence, layout of the message or None). */
static int set_field(Field *field, PyObject *entry, uint32_t after)
{
    unsigned number;
    int kind, repeated, presence;
    PyObject *inner;
    if (!PyTuple_Check(entry)) {
        PyErr_SetString(PyExc_TypeError, "a field is a tuple");
        return -1;
    }
    if (!PyArg_ParseTuple(entry, "IippO", &number, &kind, &repeated, &presence, &inner))
        return -1;
    if (number <= after || kind < 0 || kind >= KINDS || (kind == MESSAGE) != (inner != Py_None)) {
        PyErr_SetString(PyExc_ValueError, "not a field behind the one before it");
        return -1;
    }
    *field = (Field){.number = number, .kind = kind, .repeated = repeated, .presence = presence};
    if (kind != MESSAGE)
        return 0;
    field->inner = PyCapsule_GetPointer(inner, LAYOUT);
    if (field->inner == NULL)
        return -1;
    field->capsule = Py_NewRef(inner);
    return 0;
}

static PyObject *make_layout(PyObject *self, PyObject *arguments)
{
    PyObject *fields, *defaults;
    if (!PyArg_ParseTuple(arguments, "O!O!", &PyTuple_Type, &fields, &PyTuple_Type, &defaults))
        return NULL;
    const Py_ssize_t count = PyTuple_GET_SIZE(fields);
    if (count != PyTuple_GET_SIZE(defaults) || count > FIELDS_MAX) {
        PyErr_SetString(PyExc_ValueError, "as many defaults as fields are expected");
        return NULL;
    }
    Layout *layout = PyMem_Calloc(1, sizeof(Layout) + count * sizeof(Field));
    if (layout == NULL)
        return PyErr_NoMemory();
    layout->count = count;
    layout->defaults = Py_NewRef(defaults);
    uint32_t last = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (set_field(&layout->fields[i], PyTuple_GET_ITEM(fields, i), last) < 0) {
            free_layout(layout);
            return NULL;
        }
        last = layout->fields[i].number;
    }
    PyObject *capsule = PyCapsule_New(layout, LAYOUT, free_capsule);
    if (capsule == NULL)
        free_layout(layout);
    return capsule;
}

static PyObject *answer(PyObject *const *arguments, Py_ssize_t count, int with_values)
{
    if (count != 2 || !PyBytes_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "a layout and bytes are expected");
        return NULL;
    }
    const Layout *layout = PyCapsule_GetPointer(arguments[0], LAYOUT);
    if (layout == NULL)
        return NULL;
    const uint8_t *data = (const uint8_t *)PyBytes_AS_STRING(arguments[1]);
    const Cursor content = {data, data + PyBytes_GET_SIZE(arguments[1])};
    PyObject *values = NULL;
    switch (read_message(content, layout, 0, with_values ? &values : NULL)) {
    case ANSWER_YES:
        return with_values ? values : Py_NewRef(Py_True);
    case ANSWER_NO:
        return Py_NewRef(with_values ? Py_None : Py_False);
    default:
        return NULL;
    }
}

static PyObject *read_plain(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return answer(arguments, count, 1);
}

static PyObject *is_plain(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    return answer(arguments, count, 0);
}

static PyMethodDef methods[] = {
    {"make_layout", make_layout, METH_VARARGS, NULL},
    {"read_plain", (PyCFunction)(void (*)(void))read_plain, METH_FASTCALL, NULL},
    {"is_plain", (PyCFunction)(void (*)(void))is_plain, METH_FASTCALL, NULL},
    {NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "chain.runtime.native.strict", .m_methods = methods, .m_size = -1
};

PyMODINIT_FUNC PyInit_strict(void)
{
    return PyModule_Create(&module);
}
