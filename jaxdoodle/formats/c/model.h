#ifndef MODEL_H
#define MODEL_H

#include <limits.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MODEL_HEIGHT 28
#define MODEL_WIDTH 28
#define MODEL_CLASSES 10

extern const char *const model_class_names[MODEL_CLASSES];

/* section: network */
/* What the layers compute in: one for each thread. */
struct model_workspace {
    float a[784], b[784];
};

/* The logits of one image, one for each class. An image is a bitmap as the preprocessing says, row by row. */
void model_logits(const uint8_t image[MODEL_HEIGHT * MODEL_WIDTH], struct model_workspace *work,
        float logits[MODEL_CLASSES]);

/* Probabilities of the classes for one image. Gives the most probable class, or -1 for unknown. */
int model_predict(const uint8_t image[MODEL_HEIGHT * MODEL_WIDTH], struct model_workspace *work,
        float probabilities[MODEL_CLASSES]);

/* Why a drawing gives no image. */
enum {
    MODEL_OK = 0,
    MODEL_UNREADABLE = 1, /* no strokes, a stroke without points, no finite coordinate below a million, no pixels */
    MODEL_TOO_LARGE = 2,  /* more points than MODEL_POINTS, a longer side of more than 1,024 pixels */
    MODEL_BLANK = 3,      /* nothing differs from the background */
    MODEL_DOT = 4,        /* a single dot */
    MODEL_FULL = 5,       /* all ink */
    MODEL_BUSY = 6,       /* more lines than a drawing has */
    MODEL_UNEVEN = 7      /* a photograph of paper, which is not cleaned here */
};

/* section: strokes */
#ifndef MODEL_POINTS
#define MODEL_POINTS 1024 /* of a drawing, after points on straight lines are dropped */
#endif

struct model_strokes_workspace {
    uint8_t x[MODEL_POINTS], y[MODEL_POINTS], ends[MODEL_POINTS];
    uint16_t pending[MODEL_POINTS];
    double background[MODEL_WIDTH];
    uint32_t line[8 * MODEL_WIDTH];
    uint16_t covered[MODEL_WIDTH];
};

/* The image of a drawing in strokes: x and y, in any unit and y pointing down, hold the points of all strokes one after
 * the other, and lengths the number of points of each stroke. Gives MODEL_OK or another of those above. */
int model_image_of_strokes(const float *x, const float *y, const int *lengths, int strokes,
        struct model_strokes_workspace *work, uint8_t image[MODEL_HEIGHT * MODEL_WIDTH]);

/* section: canvas */
#if INT_MAX > 32767 /* on a smaller machine there is no memory for it */

/* The side of the ink while its stroke width is changed; 0 where it never is. */
#define MODEL_SIDE 159

struct model_canvas_workspace {
    uint8_t flags[MODEL_SIDE * MODEL_SIDE + 1];
    uint16_t depth[MODEL_SIDE * MODEL_SIDE + 1], ink[MODEL_SIDE * MODEL_SIDE + 1];
    uint16_t row[MODEL_SIDE + 1];
};

/* The image of a gray canvas, row by row: lines on an even background of whichever is darker. Gives MODEL_OK or another
 * of those above. */
int model_image_of_canvas(const uint8_t *canvas, int height, int width, struct model_canvas_workspace *work,
        uint8_t image[MODEL_HEIGHT * MODEL_WIDTH]);

#endif /* INT_MAX */

/* section: end */
#ifdef __cplusplus
}
#endif
#endif
