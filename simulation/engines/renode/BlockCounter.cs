// Counts a run at block borders, inside Renode. Loaded with `i @BlockCounter.cs` before `mach create`.
//
// Renode tells where each translation block begins and how many instructions it holds. The counter turns
// that into counts per halfword of code: +1 where a block begins, -1 where it ends (a running sum then gives
// the executions of every halfword, however the code was split), and an exit wherever a block does not begin
// at the end of the one before. The formats of the task and of the table are those of counter.py.
//
// Kept to C# 5 and mscorlib: Renode compiles it with Mono's compiler, on Mono and on .NET.
using System;
using System.IO;
using Antmicro.Renode.Peripherals.CPU;

namespace SparseMcu
{
    public static class BlockCounterExtensions
    {
        // cpu CountBlocks "/path/of/the/task"
        public static void CountBlocks(this TranslationCPU cpu, string taskPath)
        {
            var fresh = new BlockCounter(taskPath);
            counter = fresh;
            cpu.SetHookAtBlockBegin((address, instructions) =>
            {
                if(!fresh.Enter(address, instructions))
                {
                    cpu.IsHalted = true;
                }
            });
        }

        // cpu DumpBlocks "/path/of/the/table"
        public static void DumpBlocks(this TranslationCPU cpu, string tablePath)
        {
            counter.Dump(tablePath);
        }

        // cpu DumpMemory 0x20000000 32 "/path/of/the/bytes"
        public static void DumpMemory(this TranslationCPU cpu, ulong address, int size, string path)
        {
            File.WriteAllBytes(path, cpu.Bus.ReadBytes(address, size));
        }

        private static BlockCounter counter;
    }

    public class BlockCounter
    {
        public BlockCounter(string taskPath)
        {
            using(var reader = new BinaryReader(File.OpenRead(taskPath)))
            {
                codeStart = reader.ReadUInt64();
                stopAddress = reader.ReadUInt64();
                faultAddress = reader.ReadUInt64();
                marks = new ulong[reader.ReadInt32()];
                for(var i = 0; i < marks.Length; i++)
                {
                    marks[i] = reader.ReadUInt64();
                }
                halfwords = reader.ReadInt32() / 2;
                wide = new bool[halfwords];
                for(var i = 0; i < halfwords; i++)
                {
                    wide[i] = (reader.ReadUInt16() >> 11) >= WideEncoding;
                }
            }
            knownLength = new uint[halfwords];
            knownEnd = new int[halfwords];
            differences = new long[marks.Length + 1][];
            exits = new ulong[marks.Length + 1][];
            AddPhase();
        }

        // The block at `address` is about to run; false if it must not.
        public bool Enter(ulong address, uint instructions)
        {
            if(cause != Running)
            {
                return cause == Ended;
            }
            if(address == stopAddress || address == faultAddress)
            {
                // Address hooks of their own halt the core there.
                cause = Ended;
                return true;
            }
            if(instructions == 0)
            {
                return true;
            }
            if(begin >= 0 && address != AddressOf(end))
            {
                exits[phase][end]++;
            }
            if(address < codeStart || (address - codeStart) / 2 >= (ulong)halfwords)
            {
                cause = NotCode;
                stoppedAt = address;
                return false;
            }
            if(phase < marks.Length && address == marks[phase])
            {
                phase++;
                AddPhase();
            }
            Count((int)((address - codeStart) / 2), instructions);
            return true;
        }

        public void Dump(string tablePath)
        {
            using(var writer = new BinaryWriter(File.Create(tablePath)))
            {
                writer.Write(Magic);
                writer.Write(phase);
                writer.Write(cause);
                writer.Write(begin < 0 ? 0UL : AddressOf(begin));
                writer.Write(begin < 0 ? 0UL : AddressOf(end));
                writer.Write(stoppedAt);
                writer.Write(total);
                for(var row = 0; row <= phase; row++)
                {
                    for(var i = 0; i <= halfwords; i++)
                    {
                        if(differences[row][i] != 0 || exits[row][i] != 0)
                        {
                            writer.Write(row);
                            writer.Write(i);
                            writer.Write(differences[row][i]);
                            writer.Write(exits[row][i]);
                        }
                    }
                }
            }
        }

        private void Count(int first, uint instructions)
        {
            if(knownLength[first] != instructions)
            {
                knownLength[first] = instructions;
                knownEnd[first] = EndOf(first, instructions);
            }
            begin = first;
            end = knownEnd[first];
            differences[phase][begin]++;
            differences[phase][end]--;
            total += instructions;
        }

        private int EndOf(int halfword, uint instructions)
        {
            for(; instructions > 0 && halfword < halfwords; instructions--)
            {
                halfword += wide[halfword] ? 2 : 1;
            }
            return Math.Min(halfword, halfwords);
        }

        private void AddPhase()
        {
            differences[phase] = new long[halfwords + 1];
            exits[phase] = new ulong[halfwords + 1];
        }

        private ulong AddressOf(int halfword)
        {
            return codeStart + 2 * (ulong)halfword;
        }

        private int begin = -1;
        private int end;
        private int phase;
        private int cause = Running;
        private ulong stoppedAt;
        private ulong total;

        private readonly ulong codeStart;
        private readonly ulong stopAddress;
        private readonly ulong faultAddress;
        private readonly ulong[] marks;
        private readonly int halfwords;
        private readonly bool[] wide;
        private readonly uint[] knownLength;
        private readonly int[] knownEnd;
        private readonly long[][] differences;
        private readonly ulong[][] exits;

        private const ulong Magic = 0x314B4C4255434D53; // "SMCUBLK1" in memory
        private const int WideEncoding = 0x1D; // the top five bits from which on an instruction has a second halfword
        private const int Running = 0;
        private const int Ended = 1;
        private const int NotCode = 2;
    }
}
