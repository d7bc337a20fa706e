/* Starts a benchmark program that the linker placed where it runs, and ends the emulation when main returns. */
extern int main(int argc, char **argv);
extern unsigned char __stack_top[];

void program_end(void);
__attribute__((used, naked)) void program_end(void) { __asm__ volatile("bkpt 0xab"); }

volatile int program_result = -1;

void program_start(void);
__attribute__((used)) void program_start(void) {
    program_result = main(0, 0);
    program_end();
}

__attribute__((section(".vectors"), used)) void *const vectors[2] = {__stack_top, (void *)program_start};
