/* Copies of a whole disk: what a scenario saves, and starts another member from. */
#include <string.h>

#include "base/assert.h"
#include "impl.h"

struct image_node {
    char *name;
    bool is_directory;
    uint64_t size;
    uint8_t *bytes; /* of pages: only those that are not zero would be better; images are few */
    struct image_node **below;
    size_t count;
};

struct disk_image {
    struct mem *mem;
    struct image_node *root;
};

static struct image_node *save_node(struct mem *mem, const char *name, const struct inode *inode)
{
    struct image_node *node = mem_zalloc(mem, 1, sizeof(*node));
    node->name = mem_strdup(mem, name, strlen(name));
    node->is_directory = inode->is_directory;
    if (!inode->is_directory) {
        node->size = inode->size;
        node->bytes = mem_alloc(mem, (size_t)inode->size);
        size_t got = file_read(inode, 0, node->bytes, (size_t)inode->size);
        ASSERT(got == inode->size);
        return node;
    }
    node->below = mem_alloc(mem, (inode->entry_count + 1) * sizeof(struct image_node *));
    for (size_t i = 0; i < inode->entry_count; i++) {
        if (inode->entries[i]->now != NULL) {
            node->below[node->count++] =
                save_node(mem, inode->entries[i]->name, inode->entries[i]->now);
        }
    }
    return node;
}

struct disk_image *disk_save(struct disk *disk)
{
    struct disk_image *image = mem_zalloc(disk->mem, 1, sizeof(*image));
    image->mem = disk->mem;
    image->root = save_node(disk->mem, "", disk->root);
    return image;
}

static void free_node(struct mem *mem, struct image_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        free_node(mem, node->below[i]);
    }
    mem_free(mem, node->below);
    mem_free(mem, node->bytes);
    mem_free(mem, node->name);
    mem_free(mem, node);
}

void disk_image_free(struct disk_image *image)
{
    if (image != NULL) {
        free_node(image->mem, image->root);
        mem_free(image->mem, image);
    }
}

static void load_node(struct disk *disk, struct inode *dir, const struct image_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct image_node *from = node->below[i];
        struct inode *inode = inode_new(disk, from->is_directory);
        struct entry *entry = names_entry(dir, from->name, true);
        entry->now = inode;
        entry->durable = inode;
        inode_hold(inode);
        inode_hold(inode);
        if (from->is_directory) {
            load_node(disk, inode, from);
        } else if (from->size > 0) {
            platter_write(inode, 0, from->bytes, (size_t)from->size);
            file_set_size(inode, from->size);
        }
    }
}

void disk_wipe(struct disk *disk)
{
    ASSERT(list_empty(&disk->outstanding) && list_empty(&disk->waiting));
    ASSERT(list_empty(&disk->handles));
    names_forget(disk);
    names_clear(disk->root);
}

void disk_load(struct disk *disk, const struct disk_image *image)
{
    disk_wipe(disk);
    load_node(disk, disk->root, image->root);
}
