/* The program of an exported network, compiled with -DMAIN. Samples first, as in network.c. */
#include "canvas.c"

#define EXAMPLES 4
#define ALLOWED_ERROR 0.0001
extern const uint8_t example_images[EXAMPLES * MODEL_HEIGHT * MODEL_WIDTH];
extern const float example_logits[EXAMPLES * MODEL_CLASSES];

/* section: main */
#include <stdio.h>
#include <string.h>

/* The next number of a PGM header, after spaces and comments; -1 at anything else. */
static int number(FILE *file)
{
    int c = getc(file), value = -1;
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(file);
        c = getc(file);
    }
    for (; c >= '0' && c <= '9' && value < 100000; c = getc(file))
        value = (value < 0 ? 0 : value) * 10 + (c - '0');
    return c == EOF || c == ' ' || c == '\t' || c == '\r' || c == '\n' ? value : -1;
}

/* The next image of a PGM file: 1; 0 where the file ends; -1 if there is something else. */
static int read_pgm(FILE *file, uint8_t image[MODEL_HEIGHT * MODEL_WIDTH])
{
    int c = getc(file);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        c = getc(file);
    if (c == EOF)
        return 0;
    int kind = getc(file);
    if (c != 'P' || (kind != '2' && kind != '5') || number(file) != MODEL_WIDTH || number(file) != MODEL_HEIGHT ||
        number(file) != 255)
        return -1;
    for (int i = 0; i < MODEL_HEIGHT * MODEL_WIDTH; i++) {
        int value = kind == '5' ? getc(file) : number(file);
        if (value < 0 || value > 255)
            return -1;
        image[i] = (uint8_t)value;
    }
    return 1;
}

static int answer(const char *name, FILE *file, int print_logits)
{
    static struct model_workspace work;
    uint8_t image[MODEL_HEIGHT * MODEL_WIDTH];
    float values[MODEL_CLASSES];
    int found;
    while ((found = read_pgm(file, image)) == 1) {
        if (print_logits) {
            model_logits(image, &work, values);
            for (int i = 0; i < MODEL_CLASSES; i++)
                printf("%.9g%c", (double)values[i], i + 1 < MODEL_CLASSES ? ' ' : '\n');
            continue;
        }
        int abstained = model_predict(image, &work, values) < 0, best = 0;
        for (int i = 1; i < MODEL_CLASSES; i++)
            best = values[i] > values[best] ? i : best;
        printf("%s %.1f %%%s\n", model_class_names[best], 100 * (double)values[best],
               abstained ? "  (unknown)" : "");
    }
    if (found < 0)
        fprintf(stderr, "%s: not a PGM image of %d x %d pixels and 255 levels, white ink on black\n", name, MODEL_WIDTH,
                MODEL_HEIGHT);
    return found < 0 ? 2 : 0;
}

/* Whether the logits of the reference examples are reproduced. */
static int self_test(void)
{
    static struct model_workspace work;
    float found[MODEL_CLASSES];
    int wrong = 0;
    for (int n = 0; n < EXAMPLES; n++) {
        model_logits(example_images + n * MODEL_HEIGHT * MODEL_WIDTH, &work, found);
        for (int i = 0; i < MODEL_CLASSES; i++) {
            double off = (double)found[i] - example_logits[n * MODEL_CLASSES + i];
            wrong += !(off <= ALLOWED_ERROR && -off <= ALLOWED_ERROR);
        }
    }
    const char *found_that = wrong ? "%d of %d outputs are wrong\n" : "%d wrong of %d outputs: in order\n";
    printf(found_that, wrong, EXAMPLES * MODEL_CLASSES);
    return wrong ? 1 : 0;
}

/* model --self-test, or model [--logits] [IMAGE.pgm ...]; without files, images one after the other on standard
   input. */
int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--self-test") == 0)
        return self_test();
    int code = 0, print_logits = count > 1 && strcmp(arguments[1], "--logits") == 0;
    if (count == 1 + print_logits)
        return answer("standard input", stdin, print_logits);
    for (int i = 1 + print_logits; i < count; i++) {
        FILE *file = fopen(arguments[i], "rb");
        if (!file) {
            perror(arguments[i]);
            code = 2;
            continue;
        }
        if (answer(arguments[i], file, print_logits))
            code = 2;
        fclose(file);
    }
    return code;
}
