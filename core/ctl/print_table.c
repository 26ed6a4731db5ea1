/* A table with a frame: titles in the middle, cells to the right. */
#include "private.h"

static void spaces(struct buf *out, size_t count, char c)
{
    for (size_t i = 0; i < count; i++) {
        buf_add_u8(out, (uint8_t)c);
    }
}

static void ruler(struct buf *out, const size_t *widths, size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        buf_add_u8(out, '+');
        spaces(out, widths[c] + 2, '-');
    }
    buf_add_str(out, "+\n");
}

static void row(struct buf *out, const struct buf *cells, const size_t *widths, size_t columns,
                bool title)
{
    for (size_t c = 0; c < columns; c++) {
        size_t pad = widths[c] - cells[c].len;
        size_t left = title ? pad / 2 : pad;
        buf_add_str(out, "| ");
        spaces(out, left, ' ');
        buf_add_slice(out, buf_slice(&cells[c]));
        spaces(out, pad - left + 1, ' ');
    }
    buf_add_str(out, "|\n");
}

void table_print(struct ctl *ctl, const struct buf *cells, size_t rows, size_t columns)
{
    size_t *widths = mem_zalloc(ctl->mem, columns, sizeof(widths[0]));
    for (size_t i = 0; i < rows * columns; i++) {
        if (cells[i].len > widths[i % columns]) {
            widths[i % columns] = cells[i].len;
        }
    }
    struct buf out;
    buf_init(&out, ctl->mem);
    ruler(&out, widths, columns);
    row(&out, cells, widths, columns, true);
    ruler(&out, widths, columns);
    for (size_t r = 1; r < rows; r++) {
        row(&out, &cells[r * columns], widths, columns, false);
    }
    ruler(&out, widths, columns);
    ctl_print(ctl, buf_slice(&out));
    buf_fini(&out);
    mem_free(ctl->mem, widths);
}
