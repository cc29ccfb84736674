<?php
// What Nextcloud's Face Recognition does with its external model: a form of curl's with the path as the file's name.
//     php nextcloud_client.php URL KEY open | welcome | detect FILE... | compute FILE FACE
// Prints a line of JSON for each answer: its status, and what it says.
[, $url, $key, $call] = $argv;
$arguments = array_slice($argv, 4);

function ask(string $address, string $key, ?array $form): void {
	$handle = curl_init($address);
	curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => ['x-api-key: ' . $key]]);
	if ($form !== null) {
		curl_setopt_array($handle, [CURLOPT_POST => true, CURLOPT_POSTFIELDS => $form]);
	}
	$body = curl_exec($handle);
	if ($body === false) {
		fwrite(STDERR, curl_error($handle) . "\n");
		exit(1);
	}
	$status = curl_getinfo($handle, CURLINFO_HTTP_CODE);
	echo json_encode(['status' => $status, 'answer' => json_decode($body, true)]) . "\n";
}

if ($call === 'detect') {
	foreach ($arguments as $path) {
		ask("$url/detect", $key, ['file' => new CURLFile($path)]);
	}
} elseif ($call === 'compute') {
	[$path, $face] = $arguments;
	ask("$url/compute", $key, ['file' => new CURLFile($path, 'image/jpeg', basename($path)), 'face' => $face]);
} else {
	ask("$url/$call", $key, null);
}
