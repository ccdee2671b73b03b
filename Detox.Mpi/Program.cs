Console.WriteLine("detox");
