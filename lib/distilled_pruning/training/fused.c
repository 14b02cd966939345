/* Instance norm, ReLU and 2x2 average pooling of float32 images whose channels lie together, [n][h][w][c].
 *
 * A few channels of one image stay in a processor's cache between the sums and the values, so that memory sees each
 * number once. Needs c divisible by 16 and even h and w; built and called by fused.py. */
#include <math.h>
#include <stddef.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int bits __attribute__((vector_size(4 * LANES)));
typedef float stored __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define AT(pointer) (*(stored *)(pointer))
/* Value where z is above 0 or no number, else 0: what ReLU passes on, and which gradients. */
#define WHERE_ON(z, value) ((lanes)((bits)(value) & ~((z) <= 0)))

/* Write the pooled images [n][h/2][w/2][c], and the mean and 1/deviation of each image and channel [n][c]. */
void forward(const float *y, const float *gamma, const float *beta, float *pooled, float *mean, float *inverse,
             int n, int h, int w, int c, float epsilon) {
  const size_t row = (size_t)w * c, image = h * row, corner[4] = {0, c, row, row + c};
  const float count = (float)h * w;
#pragma omp parallel for
  for (int i = 0; i < n; i++)
    for (int k = 0; k < c; k += LANES) {
      const float *from = y + i * image + k;
      lanes even = {0}, odd = {0}, even2 = {0}, odd2 = {0}, inv;
      for (size_t p = 0; p < image; p += 2 * c) {
        even += AT(from + p);
        odd += AT(from + p + c);
      }
      const lanes middle = (even + odd) / count;
      for (size_t p = 0; p < image; p += 2 * c) {
        const lanes d = AT(from + p) - middle, e = AT(from + p + c) - middle;
        even2 += d * d;
        odd2 += e * e;
      }
      const lanes variance = (even2 + odd2) / count;
      for (int lane = 0; lane < LANES; lane++) inv[lane] = 1 / sqrtf(variance[lane] + epsilon);
      AT(mean + i * c + k) = middle;
      AT(inverse + i * c + k) = inv;
      const lanes a = inv * AT(gamma + k), b = AT(beta + k) - middle * a;
      float *to = pooled + i * (image / 4) + k;
      for (int top = 0; top < h; top += 2)
        for (int left = 0; left < w; left += 2, to += c) {
          lanes sum = {0};
          for (int j = 0; j < 4; j++) {
            const lanes z = AT(from + top * row + left * c + corner[j]) * a + b;
            sum += WHERE_ON(z, z);
          }
          AT(to) = sum * 0.25f;
        }
    }
}

/* From the gradient of the pooled images write that of y over y, and each image's share of gamma's and beta's [n][c]. */
void backward(float *y, const float *pooled, const float *gamma, const float *beta, const float *mean,
              const float *inverse, float *dgamma, float *dbeta, int n, int h, int w, int c) {
  const size_t row = (size_t)w * c, image = h * row, corner[4] = {0, c, row, row + c};
  const float count = (float)h * w;
#pragma omp parallel for
  for (int i = 0; i < n; i++)
    for (int k = 0; k < c; k += LANES) {
      const lanes middle = AT(mean + i * c + k), inv = AT(inverse + i * c + k);
      const lanes a = inv * AT(gamma + k), b = AT(beta + k) - middle * a;
      const float *gradient = pooled + i * (image / 4) + k;
      float *from = y + i * image + k;
      lanes sum = {0}, product = {0};
      for (int top = 0; top < h; top += 2)
        for (int left = 0; left < w; left += 2, gradient += c)
          for (int j = 0; j < 4; j++) {
            const lanes v = AT(from + top * row + left * c + corner[j]), z = v * a + b;
            const lanes g = WHERE_ON(z, AT(gradient));
            sum += g;
            product += g * (v - middle);
          }
      sum *= 0.25f;
      product *= 0.25f * inv;
      AT(dbeta + i * c + k) = sum;
      AT(dgamma + i * c + k) = product;
      const lanes slope = -a * inv * product / count, shift = -a * sum / count - slope * middle;
      gradient = pooled + i * (image / 4) + k;
      for (int top = 0; top < h; top += 2)
        for (int left = 0; left < w; left += 2, gradient += c)
          for (int j = 0; j < 4; j++) {
            const size_t at = top * row + left * c + corner[j];
            const lanes v = AT(from + at), z = v * a + b, g = 0.25f * a * AT(gradient);
            AT(from + at) = WHERE_ON(z, g) + (slope * v + shift);
          }
    }
}
