/* The functions in which a tree spends its time, for processors with instructions for SHA-256.

   build_change is that of merkle_bucket.py; locate_buckets, hash_buckets, hash_nodes and list_parents
   are those of merkle_nodes.py. These files define what they do; tests compare. Where the processor
   lacks the instructions, importing this module fails, and the definitions are used. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

enum { HASH = 32, BLOCK = 64, HEAD = 66, KEY_MAX = 0xFFFF, RECORDS_ON_STACK = 64 };
/* A line of the processor's caches, and how many a bucket of two leaves with its 250 bytes has. */
enum { LINE = 64, LINES_OF_BUCKET = 4 };
/* How many positions ahead memory is called for: by then it is there. */
enum { AHEAD = 8 };
enum { EMPTY, LEAF, INNER };
enum { LEAF_PREFIX, INNER_PREFIX };

/* SHA-256 (FIPS 180-4). */

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* The state as the instructions want it: words A, B, E, F and words C, D, G, H, the first highest. */
typedef struct {
    __m128i abef, cdgh;
} State;

static int has_instructions(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
        return 0;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1);
}

#define TARGET __attribute__((target("sha,ssse3,sse4.1")))

TARGET static inline void begin(State *state)
{
    state->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    state->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
}

TARGET static void add_blocks(State *state, const uint8_t *data, size_t count)
{
    const __m128i big_endian =
        _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    __m128i abef = state->abef, cdgh = state->cdgh;
    for (; count; count--, data += BLOCK) {
        __m128i words[4];
        for (int i = 0; i < 4; i++) {
            __m128i read = _mm_loadu_si128((const __m128i *)(data + 16 * i));
            words[i] = _mm_shuffle_epi8(read, big_endian);
        }
        const __m128i abef_before = abef, cdgh_before = cdgh;
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            const __m128i now = words[i & 3], last = words[(i + 3) & 3];
            const __m128i key = _mm_loadu_si128((const __m128i *)(ROUND + 4 * i));
            const __m128i sum = _mm_add_epi32(now, key);
            /* Two rounds turn the words C, D, G, H into A, B, E, F; then the names change over. */
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
            if (i < 12) {
                const __m128i nine_back = _mm_alignr_epi8(last, words[(i + 2) & 3], 4);
                const __m128i first = _mm_sha256msg1_epu32(now, words[(i + 1) & 3]);
                words[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(first, nine_back), last);
            }
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    state->abef = abef;
    state->cdgh = cdgh;
}

TARGET static inline void end(const State *state, uint8_t *hash)
{
    const __m128i big_endian =
        _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i abcd = _mm_unpackhi_epi64(state->cdgh, state->abef);
    __m128i efgh = _mm_unpacklo_epi64(state->cdgh, state->abef);
    _mm_storeu_si128((__m128i *)hash, _mm_shuffle_epi8(abcd, big_endian));
    _mm_storeu_si128((__m128i *)(hash + 16), _mm_shuffle_epi8(efgh, big_endian));
}

static void sha256(const uint8_t *data, size_t size, uint8_t *hash)
{
    uint8_t tail[2 * BLOCK] = {0};
    const size_t whole = size / BLOCK, rest = size % BLOCK;
    const size_t tail_blocks = rest < BLOCK - 8 ? 1 : 2;
    const uint64_t bits = (uint64_t)size << 3;
    State state;
    begin(&state);
    add_blocks(&state, data, whole);
    memcpy(tail, data + whole * BLOCK, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++)
        tail[tail_blocks * BLOCK - 1 - i] = (uint8_t)(bits >> 8 * i);
    add_blocks(&state, tail, tail_blocks);
    end(&state, hash);
}

/* The hash of a byte and two hashes: a leaf or an inner node (merkle_hash.py). `hash` may be one of
   the two. */
static void hash_pair(uint8_t prefix, const uint8_t *left, const uint8_t *right, uint8_t *hash)
{
    uint8_t text[2 * BLOCK] = {0};
    State state;
    text[0] = prefix;
    memcpy(text + 1, left, HASH);
    memcpy(text + 1 + HASH, right, HASH);
    text[BLOCK + 1] = 0x80;
    /* 65 bytes are 520 bits. */
    text[2 * BLOCK - 2] = 520 >> 8;
    text[2 * BLOCK - 1] = 520 & 0xFF;
    begin(&state);
    add_blocks(&state, text, 2);
    end(&state, hash);
}

/* Records and buckets (merkle_bucket.py). */

static size_t record_size(const uint8_t *record)
{
    return HEAD + ((size_t)record[HEAD - 2] << 8 | record[HEAD - 1]);
}

static int get_bit(const uint8_t *path, int number)
{
    return path[number >> 3] >> (7 - (number & 7)) & 1;
}

static int find_fork(const uint8_t *first, const uint8_t *last)
{
    int at = 0;
    while (at < 8 * HASH - 1 && get_bit(first, at) == get_bit(last, at))
        at += first[at >> 3] == last[at >> 3] ? 8 - (at & 7) : 1;
    return at;
}

/* compute_subtree of merkle_bucket.py. The depth of the recursion is at most the bits of a path. */
static void hash_subtree(const uint8_t **records, size_t count, int depth, uint8_t *node)
{
    static const uint8_t empty[HASH];
    uint8_t left[HASH], right[HASH];
    const uint8_t *path = records[0];
    size_t middle = 0;
    if (count == 1) {
        memcpy(node, path + HASH, HASH);
        return;
    }
    const int fork = find_fork(path, records[count - 1]);
    while (middle < count && !get_bit(records[middle], fork))
        middle++;
    hash_subtree(records, middle, fork + 1, left);
    hash_subtree(records + middle, count - middle, fork + 1, right);
    hash_pair(INNER_PREFIX, left, right, node);
    for (int level = fork - 1; level >= depth; level--)
        if (get_bit(path, level))
            hash_pair(INNER_PREFIX, empty, node, node);
        else
            hash_pair(INNER_PREFIX, node, empty, node);
}

/* The node of a bucket at a depth, and its kind; -1 with an exception if it is none. */
static int hash_bucket(const uint8_t *bucket, size_t size, int depth, uint8_t *node)
{
    const uint8_t *some[RECORDS_ON_STACK], **records = some, *last = NULL;
    size_t count = 0, start;
    for (start = 0; start + HEAD <= size; start += record_size(bucket + start)) {
        if (count && memcmp(last, bucket + start, HASH) >= 0)
            break;
        last = bucket + start;
        if (count < RECORDS_ON_STACK)
            some[count] = last;
        count++;
    }
    if (start != size) {
        PyErr_SetString(PyExc_ValueError, "a bucket is records in the order of their paths");
        return -1;
    }
    if (count == 0) {
        memset(node, 0, HASH);
        return EMPTY;
    }
    if (count > RECORDS_ON_STACK) {
        records = PyMem_New(const uint8_t *, count);
        if (records == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        size_t number = 0;
        for (start = 0; start < size; start += record_size(bucket + start))
            records[number++] = bucket + start;
    }
    hash_subtree(records, count, depth, node);
    if (records != some)
        PyMem_Free(records);
    return count == 1 ? LEAF : INNER;
}

/* What Python calls. */

static PyObject *build_change(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    uint8_t path[HASH], value_hash[HASH];
    char *key, *value;
    Py_ssize_t key_size, value_size;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "build_change takes a key and a value");
        return NULL;
    }
    if (PyBytes_AsStringAndSize(arguments[0], &key, &key_size) < 0)
        return NULL;
    if (key_size < 1 || key_size > KEY_MAX)
        return PyErr_Format(PyExc_ValueError, "a key has 1 to %d bytes, not %zd", KEY_MAX, key_size);
    sha256((const uint8_t *)key, key_size, path);
    if (arguments[1] == Py_None)
        return Py_BuildValue("(y#O)", path, (Py_ssize_t)HASH, Py_None);
    if (PyBytes_AsStringAndSize(arguments[1], &value, &value_size) < 0)
        return NULL;
    PyObject *record = PyBytes_FromStringAndSize(NULL, HEAD + key_size);
    if (record == NULL)
        return NULL;
    uint8_t *to = (uint8_t *)PyBytes_AS_STRING(record);
    sha256((const uint8_t *)value, value_size, value_hash);
    memcpy(to, path, HASH);
    hash_pair(LEAF_PREFIX, path, value_hash, to + HASH);
    to[HEAD - 2] = (uint8_t)(key_size >> 8);
    to[HEAD - 1] = (uint8_t)key_size;
    memcpy(to + HEAD, key, key_size);
    return Py_BuildValue("(y#N)", path, (Py_ssize_t)HASH, record);
}

/* How many nodes are above a heap position. */
static int get_depth(Py_ssize_t at)
{
    int depth = 0;
    while (at >> depth > 1)
        depth++;
    return depth;
}

/* The heap position of the bucket of a path in a list of buckets that ends at a depth. */
static Py_ssize_t locate(const uint8_t *path, Py_ssize_t size, int depth)
{
    uint64_t start = 0;
    for (int i = 0; i < 8; i++)
        start = start << 8 | path[i];
    const Py_ssize_t at = (Py_ssize_t)1 << depth | (Py_ssize_t)(start >> (64 - depth));
    return at < size ? at : at >> 1;
}

/* A caller that asks for positions reads the buckets next, and those of a large tree are in no cache: all
   are called for before the first is waited for. */
static void call_for_buckets(PyObject *const *buckets, const Py_ssize_t *positions, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *bucket = (const char *)buckets[positions[i]];
        for (int line = 0; line < LINES_OF_BUCKET; line++)
            __builtin_prefetch(bucket + line * LINE);
    }
}

static PyObject *locate_buckets(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2 || !PyList_Check(arguments[0]) || !PyList_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "locate_buckets takes lists of buckets and of changes");
        return NULL;
    }
    PyObject *const *buckets = ((PyListObject *)arguments[0])->ob_item;
    const Py_ssize_t size = PyList_GET_SIZE(arguments[0]);
    count = PyList_GET_SIZE(arguments[1]);
    if (size < 2)
        return PyErr_Format(PyExc_ValueError, "a tree has two buckets at least, not %zd", size);
    const int depth = get_depth(size);
    PyObject *found = PyList_New(count);
    Py_ssize_t *positions = PyMem_New(Py_ssize_t, count);
    if (found != NULL && positions == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < count; i++) {
        PyObject *change = PyList_GET_ITEM(arguments[1], i);
        PyObject *path = PyTuple_Check(change) && PyTuple_GET_SIZE(change)
            ? PyTuple_GET_ITEM(change, 0) : NULL;
        if (path == NULL || !PyBytes_Check(path) || PyBytes_GET_SIZE(path) < 8) {
            PyErr_SetString(PyExc_TypeError, "a change is a path and a record");
            break;
        }
        positions[i] = locate((uint8_t *)PyBytes_AS_STRING(path), size, depth);
        __builtin_prefetch(buckets + positions[i]);
        PyObject *number = PyLong_FromSsize_t(positions[i]);
        if (number != NULL)
            PyList_SET_ITEM(found, i, number);
    }
    if (PyErr_Occurred())
        Py_CLEAR(found);
    else
        call_for_buckets(buckets, positions, count);
    PyMem_Free(positions);
    return found;
}

/* Nodes, kinds and, where they are needed, buckets of one tree. */
typedef struct {
    uint8_t *nodes, *kinds;
    PyObject *buckets;
    Py_ssize_t count;
} Tree;

static int get_tree(PyObject *nodes, PyObject *kinds, PyObject *buckets, Tree *tree)
{
    if (!PyByteArray_Check(nodes) || !PyByteArray_Check(kinds) ||
        (buckets != NULL && !PyList_Check(buckets))) {
        PyErr_SetString(PyExc_TypeError, "nodes and kinds are bytearrays, buckets a list");
        return -1;
    }
    tree->nodes = (uint8_t *)PyByteArray_AS_STRING(nodes);
    tree->kinds = (uint8_t *)PyByteArray_AS_STRING(kinds);
    tree->buckets = buckets;
    tree->count = PyByteArray_GET_SIZE(kinds);
    if (tree->count % 2 || PyByteArray_GET_SIZE(nodes) != HASH * tree->count ||
        (buckets != NULL && PyList_GET_SIZE(buckets) != tree->count)) {
        PyErr_SetString(PyExc_ValueError, "nodes, kinds and buckets are not of one tree");
        return -1;
    }
    return 0;
}

/* A position below a limit; 0 with an exception if it is none. */
static Py_ssize_t get_position(PyObject *number, Py_ssize_t limit)
{
    Py_ssize_t at = PyLong_AsSsize_t(number);
    if (at == -1 && PyErr_Occurred())
        return 0;
    if (at < 1 || at >= limit) {
        PyErr_Format(PyExc_IndexError, "there is no node at %zd", at);
        return 0;
    }
    return at;
}

/* Calls for what is looked at when a position's turn comes: its kind, its node and the one beside,
   which the parent is the hash of. */
static void call_for_node(const Tree *tree, PyObject *number, Py_ssize_t limit)
{
    const Py_ssize_t at = PyLong_CheckExact(number) ? PyLong_AsSsize_t(number) : -1;
    if (at < 1 || at >= limit) {
        PyErr_Clear();
        return;
    }
    const uint8_t *pair = tree->nodes + HASH * (at & ~(Py_ssize_t)1);
    __builtin_prefetch(tree->kinds + at);
    __builtin_prefetch(pair);
    __builtin_prefetch(pair + 2 * HASH - 1);
}

/* Does something at each position, until it fails. */
static PyObject *put_all(
    const Tree *tree, PyObject *positions, Py_ssize_t limit, int (*put)(const Tree *, Py_ssize_t)
)
{
    PyObject *number, *each;
    const Py_ssize_t listed = PyList_CheckExact(positions) ? PyList_GET_SIZE(positions) : 0;
    /* To go through any others could run Python code, and the tree could move under our feet. */
    if (!PyList_CheckExact(positions) && !PyRange_Check(positions)) {
        PyErr_SetString(PyExc_TypeError, "positions are a list or a range");
        return NULL;
    }
    if ((each = PyObject_GetIter(positions)) == NULL)
        return NULL;
    for (Py_ssize_t ahead = AHEAD; (number = PyIter_Next(each)) != NULL; ahead++) {
        const Py_ssize_t at = get_position(number, limit);
        Py_DECREF(number);
        if (!at || put(tree, at) < 0)
            break;
        if (ahead < listed)
            call_for_node(tree, PyList_GET_ITEM(positions, ahead), limit);
    }
    Py_DECREF(each);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static void set_kind(const Tree *tree, Py_ssize_t at, uint8_t kind)
{
    uint8_t *kinds = tree->kinds;
    while (at && kinds[at] != kind) {
        kinds[at] = kind;
        at >>= 1;
        const uint8_t sum = kinds[2 * at] + kinds[2 * at + 1];
        kind = sum < INNER ? sum : INNER;
    }
}

static int put_bucket(const Tree *tree, Py_ssize_t at)
{
    char *bucket;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(PyList_GET_ITEM(tree->buckets, at), &bucket, &size) < 0)
        return -1;
    const int kind = hash_bucket((uint8_t *)bucket, size, get_depth(at), tree->nodes + HASH * at);
    if (kind < 0)
        return -1;
    set_kind(tree, at, (uint8_t)kind);
    return 0;
}

static PyObject *hash_buckets(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    Tree tree;
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "hash_buckets takes nodes, kinds, buckets and positions");
        return NULL;
    }
    if (get_tree(arguments[0], arguments[1], arguments[2], &tree) < 0)
        return NULL;
    return put_all(&tree, arguments[3], tree.count, put_bucket);
}

static int put_node(const Tree *tree, Py_ssize_t at)
{
    uint8_t *node = tree->nodes + HASH * at, *left = tree->nodes + 2 * HASH * at;
    uint8_t *right = left + HASH;
    if (tree->kinds[at] == INNER)
        hash_pair(INNER_PREFIX, left, right, node);
    else if (tree->kinds[at] == LEAF)
        memcpy(node, tree->kinds[2 * at] ? left : right, HASH);
    else
        memset(node, 0, HASH);
    return 0;
}

static PyObject *hash_nodes(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    Tree tree;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "hash_nodes takes nodes, kinds and positions");
        return NULL;
    }
    if (get_tree(arguments[0], arguments[1], NULL, &tree) < 0)
        return NULL;
    return put_all(&tree, arguments[2], tree.count / 2, put_node);
}

static PyObject *list_parents(PyObject *self, PyObject *positions)
{
    if (!PyList_Check(positions)) {
        PyErr_SetString(PyExc_TypeError, "list_parents takes a list");
        return NULL;
    }
    PyObject *parents = PyList_New(0);
    Py_ssize_t last = -1;
    for (Py_ssize_t i = 0; parents != NULL && i < PyList_GET_SIZE(positions); i++) {
        Py_ssize_t at = get_position(PyList_GET_ITEM(positions, i), PY_SSIZE_T_MAX);
        if (at && at >> 1 == last)
            continue;
        last = at >> 1;
        PyObject *parent = at ? PyLong_FromSsize_t(last) : NULL;
        if (parent == NULL || PyList_Append(parents, parent) < 0)
            Py_CLEAR(parents);
        Py_XDECREF(parent);
    }
    return parents;
}

static PyMethodDef methods[] = {
    {"build_change", (PyCFunction)(void (*)(void))build_change, METH_FASTCALL, NULL},
    {"locate_buckets", (PyCFunction)(void (*)(void))locate_buckets, METH_FASTCALL, NULL},
    {"hash_buckets", (PyCFunction)(void (*)(void))hash_buckets, METH_FASTCALL, NULL},
    {"hash_nodes", (PyCFunction)(void (*)(void))hash_nodes, METH_FASTCALL, NULL},
    {"list_parents", list_parents, METH_O, NULL},
    {NULL},
};

#else

static int has_instructions(void)
{
    return 0;
}

static PyMethodDef methods[] = {{NULL}};

#endif

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "chain.runtime.native.merkle", .m_methods = methods, .m_size = -1
};

PyMODINIT_FUNC PyInit_merkle(void)
{
    if (!has_instructions()) {
        PyErr_SetString(PyExc_ImportError, "the processor has no instructions for SHA-256");
        return NULL;
    }
    return PyModule_Create(&module);
}
