from mien.bench import main
main()
